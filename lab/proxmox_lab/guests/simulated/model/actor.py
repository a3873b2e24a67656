"""Who does something in the guest, and what the permission bits allow them."""

import posixpath
from dataclasses import dataclass

from proxmox_lab.guests.simulated.model.files import FileTree, Kind

WRITE = 0o2
READ = 0o4
STICKY = 0o1000


class PermissionRefused(Exception):
    """``[Errno 13] Permission denied``."""

    def __init__(self, path: str) -> None:
        """Name the path that was refused."""
        super().__init__(f"[Errno 13] Permission denied: {path!r}")
        self.path = path


@dataclass(frozen=True, slots=True, kw_only=True)
class Actor:
    """A user with their groups; root may do everything."""

    name: str
    groups: tuple[str, ...] = ()

    @property
    def root(self) -> bool:
        """Whether permission bits do not bind."""
        return self.name == "root"


ROOT = Actor(name="root", groups=("root",))


def permitted(files: FileTree, path: str, *, actor: Actor, wish: int) -> bool:
    """Whether the bits of the node at ``path`` grant ``wish`` (READ or WRITE) to the actor."""
    node = files.find(path)
    if actor.root or node is None:
        return True
    shift = 6 if node.owner == actor.name else 3 if node.group in actor.groups else 0
    return bool((node.mode >> shift) & wish)


def demand_write(files: FileTree, path: str, *, actor: Actor) -> None:
    """Raise unless the actor may write the file, or make it in its directory."""
    target = path if files.find(path) is not None else posixpath.dirname(path)
    if not permitted(files, target, actor=actor, wish=WRITE):
        raise PermissionRefused(path)


def demand_read(files: FileTree, path: str, *, actor: Actor) -> None:
    """Raise unless the actor may read what is there."""
    if not permitted(files, path, actor=actor, wish=READ):
        raise PermissionRefused(path)


def demand_owner(files: FileTree, path: str, *, actor: Actor) -> None:
    """Raise unless the actor owns the node, as chmod and chown want it."""
    node = files.find(path)
    if node is not None and not actor.root and node.owner != actor.name:
        raise PermissionRefused(path)


def demand_remove(files: FileTree, path: str, *, actor: Actor) -> None:
    """Raise unless the actor may take the entry out of its directory."""
    parent = posixpath.dirname(path) or "/"
    holder = files.find(parent)
    sticky = holder is not None and holder.kind is Kind.DIRECTORY and bool(holder.mode & STICKY)
    if not permitted(files, parent, actor=actor, wish=WRITE):
        raise PermissionRefused(path)
    if sticky:
        demand_owner(files, path, actor=actor)
