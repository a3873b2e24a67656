"""The unit of work: one transaction per ``async with``, and a bell when it has committed."""

from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from typing import Generic, TypeVar

from sqlalchemy.ext.asyncio import AsyncSession

from common.bell import Bell
from common.db.engine import Sessions
from common.db.outage import outages_named

T = TypeVar("T")


class UnitOfWork(Generic[T]):
    """Opens transactions; ``bind`` says what is within reach inside one."""

    def __init__(
        self, sessions: Sessions, *, bind: Callable[[AsyncSession], T], bell: Bell
    ) -> None:
        self._sessions = sessions
        self._bind = bind
        self._bell = bell

    @asynccontextmanager
    async def __call__(self, *, under_way: bool = False) -> AsyncGenerator[T]:
        """Open a transaction; commit it unless the block raises; then ring the bell.

        It is rung quietly for one of long work that is ``under_way``: that makes nothing due.
        Raises ``DatabaseAway`` when the database does not answer.
        """
        with outages_named():
            async with self._sessions.begin() as session:
                yield self._bind(session)
        self._bell.ring(quietly=under_way)
