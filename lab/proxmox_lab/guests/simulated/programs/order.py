"""The order to run a program: its command line with all that surrounds it."""

import posixpath
from collections.abc import Callable
from dataclasses import dataclass, field

from proxmox_lab.guests.simulated.model.actor import READ, Actor, permitted
from proxmox_lab.guests.simulated.model.files import FileTree, Kind, Node


class ProgramFailed(Exception):
    """The program ended at once; the text is what it wrote."""

    def __init__(self, text: str, *, code: int = 1) -> None:
        """Keep the exit code beside the text."""
        super().__init__(text)
        self.code = code


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """What is to run, as whom, where, and who hears what it says."""

    argv: tuple[str, ...]
    cwd: str
    actor: Actor
    files: FileTree
    address: str  # the guest's own loopback address
    log: Callable[[str], None]

    def option(self, name: str) -> str:
        """The value behind an option, as ``--port 1`` or ``--port=1``; empty when not there."""
        for place, word in enumerate(self.argv):
            if name and word == name and place + 1 < len(self.argv):
                return self.argv[place + 1]
            if name and word.startswith(f"{name}="):
                return word.partition("=")[2]
        return ""

    def path(self, name: str) -> str:
        """A path seen from the working directory."""
        return posixpath.join(self.cwd, name)

    def readable(self, path: str) -> bool:
        """Whether there is something that the program may read."""
        there = self.files.find(path) is not None
        return there and permitted(self.files, path, actor=self.actor, wish=READ)

    def text(self, path: str) -> str:
        """A file as the program reads it: nothing when it may not."""
        return self.files.text(path) if self.readable(path) else ""

    def write_default(self, path: str, content: str) -> None:
        """Make a file that is not there yet, as the program would."""
        if self.files.find(path) is None:
            owner = self.actor.name
            self.files.make_directories(posixpath.dirname(path), owner=owner)
            node = Node(kind=Kind.FILE, mode=0o644, owner=owner, group=owner)
            self.files.write(path, content.encode(), template=node)


@dataclass(slots=True, kw_only=True)
class Process:
    """Something that runs; ``port`` is 0 for a program that does not listen."""

    pid: int
    argv: tuple[str, ...]
    owner: str
    transport: str = ""
    port: int = 0
    close: Callable[[], None] = field(default=lambda: None)
