"""``/v1/setup``, ``/v1/auth``, ``/v1/me`` and the key set: who you are, and proving it."""

from typing import Annotated, Literal

from fastapi import APIRouter, Request, status
from pydantic import BaseModel, Field

from common.contracts.base import now
from gateway.api.dependencies import Caller, Gateway
from gateway.domain.user import ACCESS_LIFE, Role, User
from gateway.handlers import users

router = APIRouter(tags=["auth"])

Username = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]{1,31}$")]


class Setup(BaseModel, frozen=True, extra="forbid"):
    """The first user."""

    setup_token: str = Field(max_length=256)
    username: Username
    password: str = Field(max_length=1024)


class Login(BaseModel, frozen=True, extra="forbid"):
    """User name and password."""

    username: str = Field(max_length=64)
    password: str = Field(max_length=1024)


class Refresh(BaseModel, frozen=True, extra="forbid"):
    """A refresh token; it can be exchanged once."""

    refresh_token: str = Field(max_length=256)


class GrantView(BaseModel):
    """Tokens. ``expires_in`` is the access token's life in seconds."""

    access_token: str
    token_type: Literal["Bearer"] = "Bearer"  # noqa: S105  a scheme
    expires_in: int
    refresh_token: str


class UserView(BaseModel):
    """A user."""

    id: str
    username: str
    role: Role


class Key(BaseModel):
    """A public key, ES256."""

    kty: Literal["EC"]
    crv: Literal["P-256"]
    alg: Literal["ES256"]
    use: Literal["sig"]
    kid: str
    x: str
    y: str


class KeySet(BaseModel):
    """The public keys that our tokens are signed with."""

    keys: list[Key]


@router.post("/v1/setup", status_code=status.HTTP_201_CREATED)
async def set_up(body: Setup, gateway: Gateway) -> UserView:
    """Add the first user. Works once."""
    user = await users.set_up(
        users.Credentials(username=body.username, password=body.password),
        setup_token=body.setup_token,
        expected=gateway.setup_token,
        passwords=gateway.passwords,
        work=gateway.work,
        at=now(),
    )
    return _user(user)


@router.post("/v1/auth/login")
async def log_in(body: Login, request: Request, gateway: Gateway) -> GrantView:
    """Exchange user name and password for tokens."""
    origin = request.client.host if request.client else ""
    grant = await users.log_in(
        users.Credentials(username=body.username, password=body.password, origin=origin),
        passwords=gateway.passwords,
        tokens=gateway.tokens,
        work=gateway.work,
        at=now(),
    )
    return _grant(grant)


@router.post("/v1/auth/refresh")
async def refresh(body: Refresh, gateway: Gateway) -> GrantView:
    """Exchange a refresh token for new tokens. Coming back with an old one ends the session."""
    grant = await users.refresh(
        body.refresh_token, tokens=gateway.tokens, work=gateway.work, at=now()
    )
    return _grant(grant)


@router.post("/v1/auth/logout", status_code=status.HTTP_204_NO_CONTENT)
async def log_out(caller: Caller, gateway: Gateway) -> None:
    """End this session: its tokens are refused from now on."""
    await users.log_out(caller.session_id, work=gateway.work, at=now())


@router.get("/v1/me")
async def me(caller: Caller) -> UserView:
    """Tell who you are."""
    return _user(caller.user)


@router.get("/.well-known/jwks.json")
async def key_set(gateway: Gateway) -> KeySet:
    """Return the public keys, for services that check our tokens."""
    return KeySet.model_validate(gateway.jwks)


def _grant(grant: users.Grant) -> GrantView:
    return GrantView(
        access_token=grant.access,
        refresh_token=grant.refresh,
        expires_in=int(ACCESS_LIFE.total_seconds()),
    )


def _user(user: User) -> UserView:
    return UserView(id=user.id, username=user.name, role=user.role)
