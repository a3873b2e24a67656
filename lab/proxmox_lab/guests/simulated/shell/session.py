"""What surrounds a command in the guest: who, where, with which input, and what came of it."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace

from proxmox_lab.guests.simulated.model.actor import Actor
from proxmox_lab.guests.simulated.model.paths import normal
from proxmox_lab.guests.simulated.system.machine import Machine


class Input:
    """A command's input, read once and only when it is wanted: a caller may never close it."""

    def __init__(
        self, data: bytes = b"", *, source: Callable[[], Awaitable[bytes]] | None = None
    ) -> None:
        """Hold bytes, or know where they will come from."""
        self._data = data
        self._source = source

    async def read(self) -> bytes:
        """All of it; waits for the end."""
        if self._source is not None:
            self._data, self._source = await self._source(), None
        return self._data


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """One shell's surroundings; a subshell gets a copy."""

    machine: Machine
    actor: Actor
    cwd: str = "/"
    stdin: Input = field(default_factory=Input)
    variables: dict[str, str] = field(default_factory=dict[str, str])
    umask: int = 0o022
    ended: bool = False  # by ``exit``
    # where output goes at once: a caller may wait for a line before it sends its input
    sink: Callable[["Outcome"], None] | None = None

    def path(self, name: str) -> str:
        """A name seen from the working directory."""
        return normal(name, self.cwd)

    def as_user(self, name: str) -> "Session":
        """The same surroundings for another user."""
        return replace(self, actor=self.machine.actor(name))

    def home(self) -> str:
        """The home directory of who is acting."""
        user = self.machine.accounts.users.get(self.actor.name)
        return user.home if user else "/"


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """Exit code and output of a command."""

    code: int = 0
    out: bytes = b""
    err: bytes = b""


def said(text: str) -> Outcome:
    """Success with a line of output."""
    return Outcome(out=text.encode() if text.endswith("\n") or not text else f"{text}\n".encode())


def failed(text: str, *, code: int = 1) -> Outcome:
    """Failure with a line of error."""
    return Outcome(code=code, err=f"{text}\n".encode())


Command = Callable[[list[str], Session], Awaitable[Outcome]]


def options(words: list[str]) -> tuple[str, list[str]]:
    """The letters of all options, and what is no option."""
    letters = "".join(word[1:] for word in words if word.startswith("-") and word != "-")
    return letters, [word for word in words if not word.startswith("-") or word == "-"]
