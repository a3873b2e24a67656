"""What a module's model is given, and how it says what came of it."""

import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from proxmox_lab.guests.simulated.model.actor import Actor
from proxmox_lab.guests.simulated.model.files import FileTree
from proxmox_lab.guests.simulated.modules.arguments import Arguments
from proxmox_lab.guests.simulated.shell.session import Outcome, Session
from proxmox_lab.guests.simulated.system.machine import Machine

Answer = dict[str, object]  # the module's JSON result


class Refused(Exception):
    """The module fails: ``msg`` in the words of the real one, with more fields if it has them."""

    def __init__(self, message: str, **fields: object) -> None:
        """Keep the fields that go beside ``msg``."""
        super().__init__(message)
        self.fields = fields


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """One call of a module."""

    module: str
    arguments: Arguments
    session: Session
    check: bool
    diff: bool
    run_shell: Callable[[str, Session], Awaitable[Outcome]]
    run_command: Callable[[list[str], Session], Awaitable[Outcome]]

    @property
    def machine(self) -> Machine:
        """The guest."""
        return self.session.machine

    @property
    def files(self) -> FileTree:
        """The guest's files."""
        return self.session.machine.files

    @property
    def actor(self) -> Actor:
        """Who runs the module."""
        return self.session.actor

    @staticmethod
    def now() -> float:
        """The guest's clock."""
        return time.time()


Module = Callable[[Task], Awaitable[Answer]]
