"""Where users and their sessions are remembered, and how they prove who they are."""

from datetime import datetime
from typing import Protocol

from gateway.domain.user import RefreshToken, Session, User


class Users(Protocol):
    """Users, for as long as one transaction lasts."""

    async def add_first(self, user: User) -> bool:
        """Add the first user; false when there is one already. Atomic."""
        ...

    async def add(self, user: User) -> None:
        """Add another user."""
        ...

    async def find(self, id: str) -> User | None:
        """Read one."""
        ...

    async def find_by_name(self, name: str) -> User | None:
        """Read one by name; upper and lower case do not matter."""
        ...

    async def save_password(self, id: str, *, password_hash: str) -> None:
        """Replace the hash of a user's password."""
        ...


class Sessions(Protocol):
    """Sessions and their refresh tokens, for as long as one transaction lasts."""

    async def add(self, session: Session) -> None:
        """Add a new one."""
        ...

    async def find(self, id: str) -> Session | None:
        """Read one."""
        ...

    async def revoke(self, id: str, *, at: datetime) -> None:
        """End it and every token of its family."""
        ...

    async def add_token(self, token: RefreshToken) -> None:
        """Add a refresh token; one that is there already stays as it is."""
        ...

    async def hold_token(self, hash: str) -> RefreshToken | None:
        """Read a refresh token and keep others from using it until the transaction ends."""
        ...

    async def mark_used(self, hash: str, *, at: datetime) -> None:
        """Record that it was exchanged for its successor."""
        ...

    async def forget(self, *, before: datetime) -> None:
        """Drop sessions and tokens that expired before this."""
        ...


class LoginFailures(Protocol):
    """Recent failed logins, by account and address together."""

    async def add(self, key: str, *, at: datetime) -> None:
        """Remember one."""
        ...

    async def count(self, key: str, *, since: datetime) -> int:
        """Count those of one key."""
        ...

    async def forget(self, *, before: datetime) -> None:
        """Drop those older than this."""
        ...


class Passwords(Protocol):
    """Password hashes: slow on purpose, few at a time. Raises ``Busy`` under too much load."""

    async def hash(self, password: str) -> str:
        """Return a salted hash."""
        ...

    async def verify(self, password: str, *, hash: str | None) -> bool:
        """Tell whether they belong together; with no hash take as long, and say no."""
        ...

    def is_outdated(self, hash: str) -> bool:
        """Tell whether the hash is weaker than those made now."""
        ...


class Tokens(Protocol):
    """Signed tokens, and secrets derived from others."""

    def access(self, user: User, session: Session) -> str:
        """Return an access token for a session."""
        ...

    def log_ticket(self, *, user_id: str, stream: str) -> str:
        """Return a ticket for one log."""
        ...

    def new_refresh(self) -> str:
        """Return a fresh opaque refresh token of 256 bits."""
        ...

    def successor(self, refresh: str) -> str:
        """Return the one token that follows this one; nobody without our key can tell it."""
        ...
