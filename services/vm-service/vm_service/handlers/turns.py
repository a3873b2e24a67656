"""Clones wait in line: only so many at once from one template onto one storage of one node.

Proxmox has no such limit of its own, and copies that share a disk only slow each other down.
"""

import asyncio

from vm_service.domain.placement import Place


class Turns:
    """The lines, one per (node of the template, storage, template)."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._lines: dict[tuple[str, str | None, int], asyncio.Semaphore] = {}

    def of(self, place: Place) -> asyncio.Semaphore:
        """Return the line in which a clone for this place waits."""
        key = (place.template_node, place.storage, place.template)
        if key not in self._lines:
            self._lines[key] = asyncio.Semaphore(self._limit)
        return self._lines[key]
