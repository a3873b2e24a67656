"""Lists in pages: ``limit`` items after the item with id ``after``."""

from collections.abc import Sequence
from typing import Annotated

from fastapi import Path, Query

from gateway.domain.endpoint import Endpoint
from gateway.domain.operation import Operation
from gateway.domain.server import Server
from gateway.ports.records import Page

ULID = "[0-9a-hjkmnp-tv-z]{26}"
EVENT = f"evt_{ULID}"

OperationId = Annotated[str, Path(pattern=f"^op_{ULID}$")]
ServerId = Annotated[str, Path(pattern=f"^srv_{ULID}$")]
Limit = Annotated[int, Query(ge=1, le=200)]
AfterOperation = Annotated[str | None, Query(pattern=f"^op_{ULID}$")]
OfServer = Annotated[str | None, Query(pattern=f"^srv_{ULID}$")]
AfterServer = Annotated[str | None, Query(pattern=f"^srv_{ULID}$")]


def page(*, limit: int, after: str | None) -> Page:
    """Return the page to read: one item more than asked for tells whether there are others."""
    return Page(limit=limit + 1, after=after)


def next_cursor(
    found: Sequence[Operation] | Sequence[Server] | Sequence[Endpoint], *, limit: int
) -> str | None:
    """Return where the next page begins, if there is one."""
    return found[limit - 1].id if len(found) > limit else None
