"""A database that is away for a while: one name for all that its drivers call it.

Whoever meets ``DatabaseAway`` may wait and try again: nothing is known to be wrong but that
the database did not answer. What was being committed may or may not be there.
"""

from collections.abc import Generator
from contextlib import contextmanager
from typing import Final

import asyncpg  # pyright: ignore[reportMissingTypeStubs]  it ships none
from sqlalchemy.exc import DBAPIError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolExhausted

# The last two come bare while a connection is being made.
_AWAY: Final = (PoolExhausted, OSError, asyncpg.PostgresError, asyncpg.InterfaceError)

# PostgreSQL's classes of errors that pass: connection, transaction state, rollback (deadlock),
# resources, object in use, intervention of an operator, system.
_PASSING: Final = frozenset({"08", "25", "40", "53", "55", "57", "58"})


class DatabaseAway(ConnectionError):
    """The database did not answer, or broke off."""


@contextmanager
def outages_named() -> Generator[None]:
    """Raise ``DatabaseAway`` for whatever means it; the block does nothing but ask the database."""
    try:
        yield
    except (DBAPIError, *_AWAY) as error:
        if isinstance(error, DBAPIError) and not _passes(error):
            raise
        raise DatabaseAway(f"the database did not answer: {type(error).__name__}") from error


def _passes(error: DBAPIError) -> bool:
    """Tell whether waiting helps; it does not where we are wrong ourselves."""
    state = str(getattr(error.orig, "sqlstate", None) or "")
    return (
        error.connection_invalidated
        or state[:2] in _PASSING
        or (not state and isinstance(error, OperationalError))
    )
