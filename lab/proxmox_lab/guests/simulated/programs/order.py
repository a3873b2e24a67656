"""The order to run a program: its command line with all that surrounds it."""

import posixpath
from collections.abc import Callable
from dataclasses import dataclass

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
    home: str = "/"

    def option(self, name: str) -> str:
        """What stands behind an option, as ``--port 1``, ``--port=1`` or ``Map?port=1``."""
        if name.startswith("?"):
            given = [part for word in self.argv for part in word.split("?")[1:]]
            values = [part.partition("=")[2] for part in given if part.startswith(f"{name[1:]}=")]
            return values[0] if values else ""
        for place, word in enumerate(self.argv):
            if name and word == name and place + 1 < len(self.argv):
                return self.argv[place + 1]
            if name and word.startswith(f"{name}="):
                return word.partition("=")[2]
        return ""

    def path(self, name: str) -> str:
        """A path seen from the working directory; ``~`` is the user's home."""
        return posixpath.join(
            self.cwd, name.replace("~", self.home, 1) if name[:1] == "~" else name
        )

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
