"""Whose VM is this? What Proxmox shows under a VM id, judged before anything is touched.

Every VM of ours carries a mark in its description: ``spawnyard:<install>:<server>:<operation>``.
"""

import re
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from common.contracts.servers import ServerSpec


class Standing(StrEnum):
    """What a VM id holds, from our point of view."""

    ABSENT = "absent"
    OURS = "ours"
    UNPROVEN = "unproven"  # a clone under way or broken off, or hidden from our token
    FOREIGN = "foreign"


@dataclass(frozen=True, slots=True, kw_only=True)
class Disk:
    """A VM's system disk. ``base``: others can rest on it, as on a template's."""

    name: str
    size: int  # bytes
    base: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Sighting:
    """What was seen under a VM id. ``hidden``: it is taken, but we may not look at it.

    ``onboot``: it is switched on whenever its node comes up. ``card``: its first network card,
    in Proxmox's own words.
    """

    node: str
    description: str = ""
    lock: str | None = None
    disk: Disk | None = None
    card: str = ""
    onboot: bool = False
    template: bool = False
    hidden: bool = False


UNFINISHED: Final = frozenset({"clone", "create"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Mark:
    """Ours, for one server, made by one operation."""

    install: str
    server_id: str
    operation_id: str

    @property
    def text(self) -> str:
        """The line that stands first in the VM's description."""
        return f"{self.stem}{self.operation_id}"

    @property
    def stem(self) -> str:
        """What identifies the server, whatever the operation."""
        return f"spawnyard:{self.install}:{self.server_id}:"

    def describe(self, spec: ServerSpec) -> str:
        """Return the whole description: the mark, then the ports the guest listens on.

        Or, of a template, which game it is for, and the digest of what it was baked by.
        """
        if spec.purpose == "template":
            return f"{self.text}\ntemplate: {spec.game} {spec.recipe}"
        listed = " ".join(f"{port.protocol}/{port.number}" for port in spec.ports)
        return f"{self.text}\nports: {listed}" if listed else self.text


MARKED: Final = re.compile(r"spawnyard:([a-z0-9-]{1,32}):([A-Za-z0-9_]+):([A-Za-z0-9_]+)")


def mark_of(description: str) -> Mark | None:
    """Return the mark that stands first in a description: all of the line, and nothing like it."""
    first = next(iter(description.splitlines()), "")
    found = MARKED.fullmatch(first)
    return Mark(install=found[1], server_id=found[2], operation_id=found[3]) if found else None


def standing(sighting: Sighting | None, mark: Mark) -> Standing:
    """Judge what was seen. Only the mark proves that a VM is ours."""
    if sighting is None:
        return Standing.ABSENT
    if sighting.hidden or sighting.lock in UNFINISHED:
        return Standing.UNPROVEN
    marked = any(line.startswith(mark.stem) for line in sighting.description.splitlines())
    return Standing.OURS if marked else Standing.FOREIGN


def by_hand(node: str, vmid: int, *, bake: bool = False) -> str:
    """Return the command that removes what an API token cannot remove.

    On disks of what was to be a template those of others may rest, and root is not asked.
    """
    command = f"qm unlock {vmid} && qm destroy {vmid} (as root on node {node})"
    return f"if no VM was cloned from it: {command}" if bake else command
