"""What of deliveries and attempts is of no use any more."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Select, Table, func, select

from gateway.adapters.sql.due import is_pending
from gateway.adapters.sql.webhook_tables import attempts, deliveries

Which = tuple[Table, ColumnElement[bool]]


def old(before: datetime) -> Sequence[Which]:
    """Return what is over since before, attempts first."""
    return (
        (attempts, attempts.c.at < before),
        (deliveries, deliveries.c.done_at < before),
        (deliveries, is_pending(deliveries) & (deliveries.c.next_at < before)),
    )


def all_of(endpoint_id: str) -> Sequence[Which]:
    """Return all there is of an endpoint."""
    return [(table, table.c.endpoint_id == endpoint_id) for table in (attempts, deliveries)]


def endpoints_in(table: Table, *, after: str, limit: int) -> Select[Any]:
    """Select whose rows a table holds, by id; leaps from one to the next, however many each has."""
    of = table.c.endpoint_id
    ids = select(func.min(of).label("id")).where(of > after).cte("ids", recursive=True)
    row = table.alias("row_of_next")
    following = select(func.min(row.c.endpoint_id)).where(row.c.endpoint_id > ids.c.id)
    ids = ids.union_all(select(following.scalar_subquery()).where(ids.c.id.is_not(None)))
    return select(ids.c.id).where(ids.c.id.is_not(None)).limit(limit)
