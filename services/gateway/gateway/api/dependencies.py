"""What routes are given: the parts of the gateway, and who is calling."""

from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Request, Security
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from common.contracts.base import now
from common.security.addresses import Allowance
from common.security.tokens import ACCESS, InvalidToken, TokenVerifier
from gateway.domain.admission import NotAuthenticated
from gateway.domain.user import Role, User
from gateway.handlers import users
from gateway.handlers.hypervisor import check_admin
from gateway.handlers.public_events import News
from gateway.ports.accounts import Passwords, Tokens
from gateway.ports.catalogue import GameCatalogue
from gateway.ports.questions import Questions
from gateway.ports.seals import Seals
from gateway.ports.work import UnitOfWork


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """Everything the routes work with, put together by ``main``.

    ``news``: of public events, for those who follow them. ``allowance``: where webhooks may
    be sent to.
    """

    work: UnitOfWork
    catalogue: GameCatalogue
    seals: Seals
    passwords: Passwords
    tokens: Tokens
    verifier: TokenVerifier
    jwks: dict[str, list[dict[str, str]]]
    questions: Questions
    news: News
    hypervisor_seals: Seals | None
    allowance: Allowance
    public_log_url: str
    setup_token: str | None


def parts_of(request: Request) -> Parts:
    """Return the parts that the app was made with."""
    return request.app.state.parts


Gateway = Annotated[Parts, Depends(parts_of)]

_bearer = HTTPBearer(auto_error=False, bearerFormat="JWT", description="From /v1/auth/login")


@dataclass(frozen=True, slots=True, kw_only=True)
class Authenticated:
    """Who is calling, in which session."""

    user: User
    session_id: str

    @property
    def user_id(self) -> str:
        """Return the id that owned things carry."""
        return self.user.id

    @property
    def is_admin(self) -> bool:
        """Tell whether the caller is an administrator."""
        return self.user.role is Role.ADMIN


async def authenticated(
    gateway: Gateway,
    credentials: Annotated[HTTPAuthorizationCredentials | None, Security(_bearer)],
) -> Authenticated:
    """Return who calls. The session is looked up each time: a logout counts at once."""
    if credentials is None:
        raise NotAuthenticated(
            "No access token came with the request.",
            remedy="Send Authorization: Bearer, with a token from POST /v1/auth/login.",
        )
    try:
        claims = gateway.verifier.verify(credentials.credentials, audience="gateway", type=ACCESS)
    except InvalidToken:
        raise NotAuthenticated(
            "The access token is not valid, or not any more.",
            remedy="Get a new one from POST /v1/auth/refresh, or log in again.",
        ) from None
    session_id = str(claims.extra.get("sid", ""))
    user = await users.caller_of(
        user_id=claims.subject, session_id=session_id, work=gateway.work, at=now()
    )
    return Authenticated(user=user, session_id=session_id)


Caller = Annotated[Authenticated, Depends(authenticated)]


def only_admins(caller: Caller) -> None:
    """Let administrators through. Raises ``AdminOnly`` for everybody else."""
    check_admin(caller.user)
