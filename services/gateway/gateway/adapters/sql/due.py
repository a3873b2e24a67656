"""What of an endpoint's deliveries is due, however many wait: each question goes by an index.

The indexes hold pending rows alone. A database uses one only where the query says ``pending`` as a
literal; a bound value could be anything.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import (
    ColumnElement,
    FromClause,
    Select,
    and_,
    case,
    func,
    literal,
    literal_column,
    or_,
    select,
    true,
)

from common.db.leases import unleased
from gateway.adapters.sql.webhook_tables import deliveries, endpoints
from gateway.ports.deliveries import Due


def is_pending(table: FromClause) -> ColumnElement[bool]:
    """Be true for what is pending, so that the indexes of that are used."""
    return table.c.state == literal_column("'pending'")


def endpoints_due(at: datetime, *, limit: int, last: Sequence[str] = ()) -> Select[Any, Any, Any]:
    """Select enabled endpoints with something due that nobody holds: who does well comes first.

    Id, revision, and since when it fails. Those to come ``last`` do so like those that fail; of
    equals no one is always first.
    """
    failing_since = endpoints.c.body["failing_since"].as_string()
    is_poor = or_(failing_since.is_not(None), endpoints.c.id.in_(last))
    waiting = select(deliveries.c.event_id).where(
        deliveries.c.endpoint_id == endpoints.c.id,
        is_pending(deliveries),
        deliveries.c.next_at <= at,
    )
    return (
        select(
            endpoints.c.id,
            endpoints.c.body["revision"].as_integer().label("revision"),
            failing_since.label("failing_since"),
        )
        .where(endpoints.c.enabled == true(), waiting.exists(), unleased(endpoints.c.id))
        .order_by(case((is_poor, 1), else_=0), func.random())
        .limit(limit)
    )


def due_in_time(due: Due) -> Select[Any]:
    """Select what is due, the longest due first."""
    query = select(deliveries).where(_is_due(due))
    return query.order_by(deliveries.c.next_at).limit(_enough(due))


def due_in_order(due: Due) -> Sequence[Select[Any]]:
    """Select the first of each subject, as positions go, and then what holds up nobody any more.

    Subjects are leapt through, from one to the next: many pending ones of one subject cost nothing.
    """
    # Heads are pending; that is not said again, or it is all that is due which is gone through.
    heads = select(deliveries).where(
        deliveries.c.endpoint_id == due.endpoint_id,
        deliveries.c.event_id.in_(_heads(due)),
        deliveries.c.next_at <= due.at,
    )
    passed = select(deliveries).where(
        _is_due(due), _was_tried(deliveries), deliveries.c.created_at <= due.held_since
    )
    return [
        # A sum is in no index: SQLite would go through that of positions to spare itself sorting.
        heads.order_by(deliveries.c.position + literal_column("0")).limit(_enough(due)),
        passed.order_by(deliveries.c.next_at).limit(_enough(due)),
    ]


def by_keys(keys: Sequence[tuple[str, str]]) -> Select[Any]:
    """Select some of several endpoints, by endpoint and event; always in the same order.

    Said for each endpoint apart: asked for pairs, SQLite goes through the whole table.
    """
    events: dict[str, list[str]] = {}
    for endpoint_id, event_id in keys:
        events.setdefault(endpoint_id, []).append(event_id)
    c = deliveries.c
    wanted = (and_(c.endpoint_id == one, c.event_id.in_(those)) for one, those in events.items())
    return select(deliveries).where(or_(*wanted)).order_by(c.endpoint_id, c.event_id)


def _enough(due: Due) -> int:
    return due.limit + len(due.but)


def _is_due(due: Due) -> ColumnElement[bool]:
    return and_(
        deliveries.c.endpoint_id == due.endpoint_id,
        is_pending(deliveries),
        deliveries.c.next_at <= due.at,
    )


def _was_tried(table: FromClause) -> ColumnElement[bool]:
    return table.c.tries > literal_column("0")


def _heads(due: Due) -> Select[Any]:
    """Select, for each subject, the first that still holds up those behind it."""
    first = select(func.min(deliveries.c.subject_id).label("subject")).where(
        deliveries.c.endpoint_id == due.endpoint_id, is_pending(deliveries)
    )
    subjects = first.cte("subjects", recursive=True)
    next_row = deliveries.alias("next_row")
    following = select(func.min(next_row.c.subject_id)).where(
        next_row.c.endpoint_id == due.endpoint_id,
        is_pending(next_row),
        next_row.c.subject_id > subjects.c.subject,
    )
    subjects = subjects.union_all(
        select(following.scalar_subquery()).where(subjects.c.subject.is_not(None))
    )
    head = deliveries.alias("head")
    holding = or_(head.c.tries == literal(0), head.c.created_at > due.held_since)
    found = (
        select(head.c.event_id)
        .where(
            head.c.endpoint_id == due.endpoint_id,
            is_pending(head),
            head.c.subject_id == subjects.c.subject,
            holding,
        )
        .order_by(head.c.position)
        .limit(1)
    )
    return select(found.scalar_subquery()).select_from(subjects)
