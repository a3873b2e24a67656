"""Users, sessions and failed logins, kept in SQL."""

from datetime import datetime
from typing import Any

from sqlalchemy import Row, delete, func, insert, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from common.db.upsert import add_if_absent
from gateway.adapters.sql.tables import login_failures, refresh_tokens, sessions, setup, users
from gateway.domain.user import RefreshToken, Role, Session, User


class SqlUsers:
    """Users, for as long as one transaction lasts."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def add_first(self, user: User) -> bool:
        """Add the first user; false when there is one already."""
        if not await add_if_absent(self._session, setup, id=1):
            return False
        await self.add(user)
        return True

    async def add(self, user: User) -> None:
        """Add another user."""
        await self._session.execute(
            insert(users).values(
                id=user.id,
                name=user.name,
                folded_name=user.name.casefold(),
                role=user.role,
                password_hash=user.password_hash,
                created_at=user.created_at,
            )
        )

    async def find(self, id: str) -> User | None:
        """Read one."""
        return _user((await self._session.execute(select(users).where(users.c.id == id))).first())

    async def find_by_name(self, name: str) -> User | None:
        """Read one by name; upper and lower case do not matter."""
        query = select(users).where(users.c.folded_name == name.casefold())
        return _user((await self._session.execute(query)).first())

    async def save_password(self, id: str, *, password_hash: str) -> None:
        """Replace the hash of a user's password."""
        await self._session.execute(
            update(users).where(users.c.id == id).values(password_hash=password_hash)
        )


class SqlSessions:
    """Sessions and their refresh tokens, for as long as one transaction lasts."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def add(self, session: Session) -> None:
        """Add a new one."""
        await self._session.execute(
            insert(sessions).values(
                id=session.id,
                user_id=session.user_id,
                created_at=session.created_at,
                expires_at=session.expires_at,
                revoked_at=session.revoked_at,
            )
        )

    async def find(self, id: str) -> Session | None:
        """Read one."""
        row = (await self._session.execute(select(sessions).where(sessions.c.id == id))).first()
        if row is None:
            return None
        return Session(
            id=row.id,
            user_id=row.user_id,
            created_at=row.created_at,
            expires_at=row.expires_at,
            revoked_at=row.revoked_at,
        )

    async def revoke(self, id: str, *, at: datetime) -> None:
        """End it and every token of its family; the first end counts."""
        await self._session.execute(
            update(sessions)
            .where(sessions.c.id == id, sessions.c.revoked_at.is_(None))
            .values(revoked_at=at)
        )

    async def add_token(self, token: RefreshToken) -> None:
        """Add a refresh token; one that is there already stays as it is."""
        await add_if_absent(
            self._session,
            refresh_tokens,
            hash=token.hash,
            session_id=token.session_id,
            expires_at=token.expires_at,
            used_at=token.used_at,
        )

    async def hold_token(self, hash: str) -> RefreshToken | None:
        """Read a refresh token and lock it."""
        query = select(refresh_tokens).where(refresh_tokens.c.hash == hash).with_for_update()
        row = (await self._session.execute(query)).first()
        if row is None:
            return None
        return RefreshToken(
            hash=row.hash,
            session_id=row.session_id,
            expires_at=row.expires_at,
            used_at=row.used_at,
        )

    async def mark_used(self, hash: str, *, at: datetime) -> None:
        """Record that it was exchanged for its successor."""
        await self._session.execute(
            update(refresh_tokens).where(refresh_tokens.c.hash == hash).values(used_at=at)
        )

    async def forget(self, *, before: datetime) -> None:
        """Drop sessions and tokens that expired before this."""
        old = select(sessions.c.id).where(sessions.c.expires_at < before)
        await self._session.execute(
            delete(refresh_tokens).where(
                (refresh_tokens.c.expires_at < before) | refresh_tokens.c.session_id.in_(old)
            )
        )
        await self._session.execute(delete(sessions).where(sessions.c.expires_at < before))


class SqlLoginFailures:
    """Recent failed logins; shared by all copies of the gateway."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def add(self, key: str, *, at: datetime) -> None:
        """Remember one."""
        await self._session.execute(insert(login_failures).values(key=key, failed_at=at))

    async def count(self, key: str, *, since: datetime) -> int:
        """Count those of one key."""
        query = select(func.count()).where(
            login_failures.c.key == key, login_failures.c.failed_at > since
        )
        return await self._session.scalar(query) or 0

    async def forget(self, *, before: datetime) -> None:
        """Drop those older than this."""
        await self._session.execute(
            delete(login_failures).where(login_failures.c.failed_at < before)
        )


def _user(row: Row[Any] | None) -> User | None:
    if row is None:
        return None
    return User(
        id=row.id,
        name=row.name,
        role=Role(row.role),
        password_hash=row.password_hash,
        created_at=row.created_at,
    )
