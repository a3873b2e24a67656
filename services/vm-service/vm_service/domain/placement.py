"""Where a new VM goes: its node, its template and its storage."""

from dataclasses import dataclass
from typing import Final

UNRECORDED: Final = 0  # the template of a machine that an older version has placed


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """What was decided before a VM is made. ``storage``: none means the template's own.

    A VM may be made on another node than its template's only if the storage is shared.
    """

    node: str
    template: int
    template_node: str
    storage: str | None = None
