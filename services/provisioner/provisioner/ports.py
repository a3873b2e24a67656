"""What the provisioner needs of the world, whoever provides it."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Protocol

from pydantic import JsonValue

from common.contracts.base import Message
from common.contracts.logs import LogLine
from common.contracts.servers import Endpoint, Lock
from provisioner.domain.game import Game
from provisioner.domain.inventory import Target
from provisioner.domain.lock import Wish
from provisioner.domain.play import Play, PlayEnded, TaskEvent
from provisioner.domain.players import Count
from provisioner.domain.run import Run
from provisioner.domain.server_key import ServerKey


class Inbox(Protocol):
    """Which messages were heard."""

    async def claim(self, message_id: str) -> bool: ...


class Outbox(Protocol):
    """What is to be said."""

    async def add(self, *messages: Message) -> None: ...


class Runs(Protocol):
    """Runs, for as long as one transaction lasts."""

    async def find(self, server_id: str) -> Run | None:
        """Return the run and keep it from others until the transaction ends."""
        ...

    async def save(self, run: Run) -> None: ...


class Keys(Protocol):
    """The servers' own keys, for as long as one transaction lasts."""

    async def find(self, server_id: str) -> ServerKey | None: ...

    async def get_or_add(self, key: ServerKey) -> ServerKey:
        """Keep this key, unless another was kept first: then return that one."""
        ...

    async def remove(self, server_id: str) -> None: ...


class Counts(Protocol):
    """Which counts of players were told last."""

    async def find(self, server_id: str) -> Count | None: ...
    async def save(self, server_id: str, count: Count) -> None: ...
    async def remove(self, server_id: str) -> None: ...


class Transaction(Protocol):
    """What is within reach inside a transaction."""

    @property
    def counts(self) -> Counts: ...
    @property
    def keys(self) -> Keys: ...
    @property
    def runs(self) -> Runs: ...
    @property
    def inbox(self) -> Inbox: ...
    @property
    def outbox(self) -> Outbox: ...


class UnitOfWork(Protocol):
    """Opens a transaction; it commits unless the block raises."""

    def __call__(self) -> AbstractAsyncContextManager[Transaction]: ...


class Guests(Protocol):
    """The guests, over SSH."""

    async def login(self, target: Target, keys: Sequence[str], *, first_use: bool) -> Sequence[str]:
        """Prove the guest and log in once; return its host keys.

        Raises ``NotYet`` while it does not answer and ``StepFailed`` if it is somebody else.
        """
        ...

    async def last_lines(self, target: Target, keys: Sequence[str], *, unit: str) -> Sequence[str]:
        """Return what the game said last, or nothing if that cannot be had."""
        ...

    async def console(
        self,
        target: Target,
        keys: Sequence[str],
        *,
        unit: str,
        file: str | None,
        first: bool = False,
    ) -> Sequence[str]:
        """Return the last lines of a game: of its file, or of the journal since it was started.

        ``first``: of the journal the first ones instead, which a start leaves.
        Raises ``NotYet`` if its unit does not run.
        """
        ...

    async def packages(
        self, target: Target, keys: Sequence[str], *, names: Sequence[str]
    ) -> Mapping[str, str]:
        """Return the versions of these packages, as far as they are installed and told."""
        ...

    async def build(
        self, target: Target, keys: Sequence[str], *, directory: str, app: int
    ) -> str | None:
        """Return the build of a Steam app below this directory, if that is told."""
        ...


class Playbooks(Protocol):
    """Ansible."""

    async def play(self, play: Play, *, tell: Callable[[TaskEvent], Awaitable[None]]) -> PlayEnded:
        """Run the playbook to its end, never two of one name at once.

        Cancelled, it returns only when nothing of the run is left.
        """
        ...


class Games(Protocol):
    """The catalogue. Both raise ``StepFailed`` for what no game folder allows."""

    def find(self, game_id: str, settings: Mapping[str, JsonValue] = ...) -> Game: ...

    def complete(self, game: Game, settings: Mapping[str, JsonValue]) -> dict[str, JsonValue]:
        """Return the settings, valid and with defaults filled in."""
        ...


class Resolvers(Protocol):
    """Vendors, tables and package managers: who knows what a version is made of."""

    async def resolve(self, wish: Wish) -> Lock:
        """Return what exactly the wish means now. Raises ``NotYet`` or ``StepFailed``."""
        ...


class Queries(Protocol):
    """The games' own protocols."""

    async def ask(self, protocol: str, host: str, port: int) -> dict[str, JsonValue]:
        """Return what the game says of itself. Raises ``NotYet``."""
        ...


class Seals(Protocol):
    """What opens the secrets the gateway has sealed."""

    def open(self, envelope: str, *, server_id: str, pointer: str) -> bytes:
        """Return what was sealed for this server's setting. Raises ``StepFailed``."""
        ...


class Log(Protocol):
    """The fast way for log lines."""

    def write(self, line: LogLine, *, stream_id: str, server_id: str, writer: str) -> None: ...

    async def flush(self) -> bool: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Tools:
    """All that a step may use."""

    guests: Guests
    playbooks: Playbooks
    games: Games
    resolvers: Resolvers
    queries: Queries
    seals: Seals
    log: Log
    target: Callable[[Endpoint], Target]
    download_base: str = ""
