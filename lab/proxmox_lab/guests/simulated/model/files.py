"""The guest's files: a tree of nodes with owner, mode and content, kept in memory.

Large contents (a game's archive) lie beside the state as blobs, named by their SHA-256.
"""

import hashlib
import posixpath
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path

from proxmox_lab.guests.simulated.model.paths import normal, steps

INLINE_LIMIT = 65_536
LINKS_FOLLOWED = 16


class Kind(StrEnum):
    """What a path is, in the words of Ansible's file module."""

    FILE = "file"
    DIRECTORY = "directory"
    LINK = "link"
    FIFO = "fifo"


@dataclass(frozen=True, slots=True, kw_only=True)
class Node:
    """One inode. ``program`` names what a binary runs as; see the programs table."""

    kind: Kind
    mode: int
    owner: str = "root"
    group: str = "root"
    content: bytes = b""
    blob: str = ""
    size: int = 0
    target: str = ""
    mtime: float = 0.0
    program: str = ""


class NoSuchPath(Exception):
    """``[Errno 2] No such file or directory``."""

    def __init__(self, path: str) -> None:
        """Name the path that is not there."""
        super().__init__(f"[Errno 2] No such file or directory: {path!r}")
        self.path = path


class NotADirectory(Exception):
    """A part of the path is a file."""

    def __init__(self, path: str) -> None:
        """Name the path that is no directory."""
        super().__init__(f"[Errno 20] Not a directory: {path!r}")
        self.path = path


class FileTree:
    """All nodes by absolute path. Parents of a node always exist and are directories."""

    def __init__(self, *, blobs: Path, nodes: dict[str, Node] | None = None) -> None:
        """Start from ``nodes``, or from an empty root."""
        self._blobs = blobs
        self.nodes = nodes or {"/": Node(kind=Kind.DIRECTORY, mode=0o755)}
        self.revision = 0  # grows with every change
        self.pipes: dict[str, Callable[[bytes], None]] = {}  # who reads which FIFO

    def resolve(self, path: str, *, follow: bool = True) -> str:
        """The real path: every parent link followed, the last one only when asked."""
        way = steps(path)
        for _ in range(LINKS_FOLLOWED):
            onward = self._onward(way, follow=follow)
            if onward is None:
                return way[-1]
            way = steps(onward)
        raise NoSuchPath(path)

    def _onward(self, way: tuple[str, ...], *, follow: bool) -> str | None:
        """Where the first link on the way leads, with the rest of the path behind it."""
        real = way[-1]
        for step in way:
            node = self.nodes.get(step)
            if node and node.kind is Kind.LINK and (follow or step != real):
                return normal(node.target, posixpath.dirname(step)) + real[len(step) :]
        return None

    def find(self, path: str, *, follow: bool = True) -> Node | None:
        """The node at a path, or none."""
        try:
            return self.nodes.get(self.resolve(path, follow=follow))
        except NoSuchPath:
            return None

    def get(self, path: str, *, follow: bool = True) -> Node:
        """The node at a path; raises ``NoSuchPath``."""
        node = self.find(path, follow=follow)
        if node is None:
            raise NoSuchPath(path)
        return node

    def is_directory(self, path: str) -> bool:
        """Whether there is a directory (or a link to one)."""
        node = self.find(path)
        return node is not None and node.kind is Kind.DIRECTORY

    def put(self, path: str, node: Node) -> None:
        """Place a node; its parent must be a directory."""
        real = self.resolve(path, follow=False)
        parent = posixpath.dirname(real)
        holder = self.nodes.get(parent)
        if holder is None:
            raise NoSuchPath(parent)
        if holder.kind is not Kind.DIRECTORY:
            raise NotADirectory(parent)
        self.nodes[real] = node
        self.revision += 1

    def change(self, path: str, *, mode: int, owner: str, group: str, follow: bool = True) -> None:
        """Change mode and ownership of what is there."""
        real = self.resolve(path, follow=follow)
        self.nodes[real] = replace(self.nodes[real], mode=mode, owner=owner, group=group)
        self.revision += 1

    def make_directories(self, path: str, *, mode: int = 0o755, owner: str = "root") -> list[str]:
        """Make a directory and its parents; returns those that were not there."""
        made: list[str] = []
        for built in steps(path):
            node = self.find(built)
            if node is None:
                self.put(built, Node(kind=Kind.DIRECTORY, mode=mode, owner=owner, group=owner))
                made.append(built)
            elif node.kind is not Kind.DIRECTORY:
                raise NotADirectory(built)
        return made

    def write(self, path: str, data: bytes, *, template: Node) -> None:
        """Write a file with mode and ownership of ``template``, through links; a FIFO is read."""
        real = self.resolve(path)
        if real in self.nodes and self.nodes[real].kind is Kind.FIFO:
            self.pipes.get(real, len)(data)  # nobody there: nothing comes of it
            return
        node = replace(template, kind=Kind.FILE, size=len(data), content=data, blob="", target="")
        if len(data) > INLINE_LIMIT:
            name = hashlib.sha256(data).hexdigest()
            self._blobs.mkdir(parents=True, exist_ok=True)
            (self._blobs / name).write_bytes(data)
            node = replace(node, content=b"", blob=name)
        self.put(real, node)

    def read(self, path: str) -> bytes:
        """The content of a file; raises ``NoSuchPath``."""
        node = self.get(path)
        if node.kind is Kind.DIRECTORY:
            message = f"[Errno 21] Is a directory: {path!r}"
            raise IsADirectoryError(message)
        return (self._blobs / node.blob).read_bytes() if node.blob else node.content

    def text(self, path: str) -> str:
        """The content of a text file, or an empty text when there is none."""
        node = self.find(path)
        if node is None or node.kind is not Kind.FILE:
            return ""
        return self.read(path).decode(errors="replace")

    def below(self, path: str) -> Iterator[str]:
        """Every path under a directory, parents first."""
        prefix = self.resolve(path).rstrip("/") + "/"
        yield from sorted(name for name in self.nodes if name.startswith(prefix) and name != "/")

    def children(self, path: str) -> list[str]:
        """Names of the entries of a directory."""
        prefix = self.resolve(path).rstrip("/") + "/"
        return [name[len(prefix) :] for name in self.below(path) if "/" not in name[len(prefix) :]]

    def remove(self, path: str) -> bool:
        """Remove a node and all under it; true if there was one."""
        real = self.resolve(path, follow=False)
        if real not in self.nodes or real == "/":
            return False
        if self.nodes[real].kind is Kind.DIRECTORY:
            for name in list(self.below(real)):
                del self.nodes[name]
        del self.nodes[real]
        self.revision += 1
        return True

    def move(self, source: str, target: str) -> None:
        """Rename a node and all under it, replacing what is there."""
        start, end = self.resolve(source, follow=False), self.resolve(target, follow=False)
        moved = {start: self.get(source, follow=False)}
        if self.is_directory(start):
            moved |= {name: self.nodes[name] for name in self.below(start)}
        self.remove(end)
        for name, node in moved.items():
            self.put(end + name[len(start) :], node)
        self.remove(start)
