"""What runs: its sockets, its console, and the words and signals at which it says goodbye."""

from collections.abc import Callable
from dataclasses import dataclass, field

from pydantic import BaseModel

HARMLESS = frozenset({"SIGCONT", "SIGWINCH", "SIGURG"})


class Farewell(BaseModel, frozen=True, extra="forbid"):
    """What makes a program save and leave, and what it says then."""

    word: str = ""  # a line on its console
    signals: tuple[str, ...] = ("SIGTERM", "SIGINT")
    goodbye: tuple[str, ...] = ()


@dataclass(slots=True, kw_only=True)
class Process:
    """Something that runs, and the sockets it holds: (transport, port)."""

    pid: int
    argv: tuple[str, ...]
    owner: str
    sockets: tuple[tuple[str, int], ...] = ()
    rcon_password: str = ""
    farewell: Farewell = field(default_factory=Farewell)
    log: Callable[[str], None] = lambda _line: None
    closers: tuple[Callable[[], None], ...] = ()
    ended: bool = False
    gone: Callable[[], None] = lambda: None  # who started it wants to know

    def close(self) -> None:
        """Let go of every socket."""
        for close in self.closers:
            close()

    def hear(self, line: str) -> None:
        """A line on the console: the word to leave is understood, nothing else is."""
        if line.strip() == self.farewell.word != "":
            self._leave()

    def signal(self, name: str) -> None:
        """A signal: the known ones let it save; others end it at once, or do nothing."""
        if name in self.farewell.signals:
            self._leave()
        elif name not in HARMLESS and not self.ended:
            self.log(f"(simulated) ended by {name}, nothing was saved")
            self._end()

    def _leave(self) -> None:
        if not self.ended:
            for line in self.farewell.goodbye:
                self.log(line)
            self._end()

    def _end(self) -> None:
        self.ended = True
        self.gone()
