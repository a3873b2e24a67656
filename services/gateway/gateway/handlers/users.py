"""What the gateway does for users: the first one, logging in, staying in, leaving."""

import hashlib
import hmac
from dataclasses import dataclass
from datetime import datetime

from common.contracts.ids import new_id
from gateway.domain.admission import (
    BadCredentials,
    NotAuthenticated,
    RefreshTokenRefused,
    SetupDone,
    SetupRefused,
    TooManyAttempts,
)
from gateway.domain.user import (
    FAILURE_WINDOW,
    FAILURES_ALLOWED,
    IDLE_LIFE,
    SESSION_LIFE,
    RefreshToken,
    Role,
    Session,
    User,
    checked_password,
    normal_password,
)
from gateway.ports.accounts import Passwords, Tokens
from gateway.ports.work import UnitOfWork, Work


@dataclass(frozen=True, slots=True, kw_only=True)
class Credentials:
    """What somebody claims to be. ``origin`` is the address they come from."""

    username: str
    password: str
    origin: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Grant:
    """What a login or refresh gives."""

    access: str
    refresh: str


async def set_up(
    wanted: Credentials,
    *,
    setup_token: str,
    expected: str | None,
    passwords: Passwords,
    work: UnitOfWork,
    at: datetime,
) -> User:
    """Add the first user, once, for whoever holds the setup token."""
    if not expected or not hmac.compare_digest(setup_token.encode(), expected.encode()):
        raise SetupRefused(
            "The setup token is wrong.",
            remedy="It is the value of SPAWNYARD_SETUP_TOKEN of the gateway.",
        )
    password = checked_password(wanted.password, username=wanted.username)
    user = User(
        id=new_id("user"),
        name=wanted.username,
        role=Role.ADMIN,
        password_hash=await passwords.hash(password),
        created_at=at,
    )
    async with work() as tx:
        if not await tx.users.add_first(user):
            raise SetupDone("There is a first user already.", remedy="Log in as that user.")
    return user


async def log_in(
    given: Credentials, *, passwords: Passwords, tokens: Tokens, work: UnitOfWork, at: datetime
) -> Grant:
    """Open a session. An unknown user costs and says the same as a wrong password."""
    key = hashlib.sha256(f"{given.username.casefold()}\n{given.origin}".encode()).hexdigest()
    async with work() as tx:
        await _check_attempts(tx, key, at=at)
        user = await tx.users.find_by_name(given.username)
    password = normal_password(given.password)
    known = user.password_hash if user else None
    if not await passwords.verify(password, hash=known) or user is None:
        async with work() as tx:
            await tx.login_failures.add(key, at=at)
        raise BadCredentials("The user name or the password is wrong.")
    renewed = await passwords.hash(password) if passwords.is_outdated(user.password_hash) else None
    async with work() as tx:
        if renewed:
            await tx.users.save_password(user.id, password_hash=renewed)
        return await _open_session(tx, user, tokens=tokens, at=at)


async def _check_attempts(tx: Work, key: str, *, at: datetime) -> None:
    if await tx.login_failures.count(key, since=at - FAILURE_WINDOW) >= FAILURES_ALLOWED:
        raise TooManyAttempts(
            "Too many failed logins for this user from this address.",
            retry_after=int(FAILURE_WINDOW.total_seconds()),
        )


async def _open_session(tx: Work, user: User, *, tokens: Tokens, at: datetime) -> Grant:
    session = Session(
        id=new_id("session"), user_id=user.id, created_at=at, expires_at=at + SESSION_LIFE
    )
    refresh = tokens.new_refresh()
    await tx.sessions.add(session)
    await tx.sessions.add_token(_remembered(refresh, session, at=at))
    return Grant(access=tokens.access(user, session), refresh=refresh)


async def refresh(token: str, *, tokens: Tokens, work: UnitOfWork, at: datetime) -> Grant:
    """Exchange a refresh token for its successor and a new access token.

    A token that comes back long after it was exchanged was stolen, from us or from its
    owner: the whole session ends.
    """
    async with work() as tx:
        known = await tx.sessions.hold_token(hashed(token))
        grant = await _exchange(tx, token, known, tokens=tokens, at=at) if known else None
    if grant is None:  # raised only now: the revocation above must be committed
        raise RefreshTokenRefused("The refresh token is not valid.", remedy="Log in again.")
    return grant


async def _exchange(
    tx: Work, token: str, known: RefreshToken, *, tokens: Tokens, at: datetime
) -> Grant | None:
    if known.is_reused(at):
        await tx.sessions.revoke(known.session_id, at=at)
        return None
    session = await tx.sessions.find(known.session_id)
    user = await tx.users.find(session.user_id) if session else None
    if session is None or user is None or not session.is_open(at) or known.expires_at <= at:
        return None
    successor = tokens.successor(token)
    if known.used_at is None:
        await tx.sessions.mark_used(known.hash, at=at)
        await tx.sessions.add_token(_remembered(successor, session, at=at))
    return Grant(access=tokens.access(user, session), refresh=successor)


async def log_out(session_id: str, *, work: UnitOfWork, at: datetime) -> None:
    """End a session: all its tokens are refused from now on."""
    async with work() as tx:
        await tx.sessions.revoke(session_id, at=at)


async def caller_of(*, user_id: str, session_id: str, work: UnitOfWork, at: datetime) -> User:
    """Return the user of an open session. Raises ``NotAuthenticated``."""
    async with work() as tx:
        session = await tx.sessions.find(session_id)
        user = await tx.users.find(user_id)
    if session is None or user is None or session.user_id != user.id or not session.is_open(at):
        raise NotAuthenticated("The session has ended.", remedy="Log in again.")
    return user


def hashed(token: str) -> str:
    """Return what is stored of a refresh token."""
    return hashlib.sha256(token.encode()).hexdigest()


def _remembered(token: str, session: Session, *, at: datetime) -> RefreshToken:
    return RefreshToken(
        hash=hashed(token),
        session_id=session.id,
        expires_at=min(at + IDLE_LIFE, session.expires_at),
    )
