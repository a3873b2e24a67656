"""A provisioner's world in memory. Its transactions roll back, its guests can be lost."""

import asyncio
import copy
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

from pydantic import JsonValue

from common.contracts import events as evt
from common.contracts.base import Message, now
from common.contracts.logs import LogBatch, LogLine
from common.contracts.sealed import packed
from common.contracts.servers import (
    Artefact,
    Endpoint,
    Lock,
    Plan,
    Port,
    PublishedPort,
    ServerSpec,
)
from provisioner.domain.errors import NotYet, StepFailed
from provisioner.domain.game import Game, Query
from provisioner.domain.inventory import Target, target
from provisioner.domain.lock import Wish
from provisioner.domain.play import Play, PlayEnded, TaskEvent
from provisioner.domain.players import Count
from provisioner.domain.run import Run
from provisioner.domain.server_key import ServerKey
from provisioner.ports import Tools

CONSOLE_LINES = 20
SERVER, OPERATION = "srv_1", "op_5"
CHECKSUM = f"sha256:{'0' * 64}"
HOST_KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAINxJjdAvumZcDxh2JpwmHV79685/QYhm5nDgeeEia48z guest"


def sealed(value: JsonValue, *, pointer: str) -> str:
    """Return an envelope that ``FakeSeals`` opens."""
    return f"sealed:fake:{SERVER}:{pointer}:{packed(value).hex()}"


GAME = Game(
    id="pong",
    version="1.0.0",
    unit="pong",
    connect="{host}:{port}",
    port="game",
    query=Query(protocol="ping", port="game"),
    ready_timeout=0.2,
    tasks=2,
    secrets=frozenset({"password"}),
)
SPEC = ServerSpec(
    name="lobby",
    game="pong",
    game_version="1.0.0",
    settings={"motd": "{{ hello }}", "password": sealed("hunter2", pointer="/password")},
    plan=Plan(name="small", cores=1, memory_mib=1024, disk_gib=4),
    ports=(Port(name="game", protocol="udp", number=30000),),
)
ENDPOINT = Endpoint(
    address="10.77.0.9",
    ssh_host="127.0.0.9",
    ssh_port=2222,
    public_host="127.0.0.9",
    ports=(PublishedPort(name="game", protocol="udp", guest_port=30000, public_port=31000),),
)


def vm_ready(**changes: Any) -> evt.VMReady:
    ready = evt.VMReady(
        server_id=SERVER,
        operation_id=OPERATION,
        vmid=900001,
        node="pve",
        endpoint=ENDPOINT,
        host_keys=(HOST_KEY,),
        host_key_policy="agent",
        spec=SPEC,
        deadline=now() + timedelta(minutes=5),
    )
    return ready.model_copy(update=changes)


def removal(**changes: Any) -> evt.RemovalRequested:
    request = evt.RemovalRequested(server_id=SERVER, operation_id=OPERATION, reason="cancelled")
    return request.model_copy(update=changes)


def cancel(**changes: Any) -> evt.CancelRequested:
    request = evt.CancelRequested(server_id=SERVER, operation_id=OPERATION)
    return request.model_copy(update=changes)


def rollback(**changes: Any) -> evt.RollbackRequested:
    request = evt.RollbackRequested(
        server_id=SERVER,
        operation_id=OPERATION,
        spec=SPEC,
        deadline=now() + timedelta(minutes=5),
    )
    return request.model_copy(update=changes)


class PowerCut(BaseException):
    """The process ends here."""


@dataclass
class Power:
    """Cut before the n-th thing that can be noticed from outside."""

    left: int | None = None

    def step(self) -> None:
        if self.left is None:
            return
        self.left -= 1
        if self.left < 0:
            self.left = None
            raise PowerCut


@dataclass
class FakeRuns:
    rows: dict[str, Run] = field(default_factory=dict)

    async def find(self, server_id: str) -> Run | None:
        return self.rows.get(server_id)

    async def save(self, run: Run) -> None:
        self.rows[run.server_id] = run


@dataclass
class FakeCounts:
    rows: dict[str, Count] = field(default_factory=dict)

    async def find(self, server_id: str) -> Count | None:
        return self.rows.get(server_id)

    async def save(self, server_id: str, count: Count) -> None:
        self.rows[server_id] = count

    async def remove(self, server_id: str) -> None:
        self.rows.pop(server_id, None)


@dataclass
class FakeKeys:
    rows: dict[str, ServerKey] = field(default_factory=dict)

    async def find(self, server_id: str) -> ServerKey | None:
        return self.rows.get(server_id)

    async def get_or_add(self, key: ServerKey) -> ServerKey:
        return self.rows.setdefault(key.server_id, key)

    async def remove(self, server_id: str) -> None:
        self.rows.pop(server_id, None)


@dataclass
class FakeInbox:
    claimed: set[str] = field(default_factory=set)

    async def claim(self, message_id: str) -> bool:
        new = message_id not in self.claimed
        self.claimed.add(message_id)
        return new


@dataclass
class FakeOutbox:
    messages: list[Message] = field(default_factory=list)

    async def add(self, *messages: Message) -> None:
        self.messages += messages


@dataclass
class FakeLog:
    lines: list[LogLine] = field(default_factory=list)

    def write(self, line: LogLine, *, stream_id: str, server_id: str, writer: str) -> None:
        self.lines.append(line)

    async def flush(self) -> bool:
        return True


@dataclass
class FakeGuests:
    power: Power
    silent: int = 0
    impostor: bool = False
    logins: int = 0
    journal: Sequence[str] = ()
    said: Sequence[str] | None = ()  # on the game's console; none: it does not run
    targets: list[Target] = field(default_factory=list)
    installed: dict[str, str] = field(default_factory=dict)
    steam: dict[int, str] = field(default_factory=dict)

    async def login(self, target: Target, keys: Sequence[str], *, first_use: bool) -> Sequence[str]:
        self.power.step()
        if self.impostor:
            raise StepFailed("the host key is not the guest's")
        if self.silent:
            self.silent -= 1
            raise NotYet("the port does not answer")
        self.logins += 1
        self.targets.append(target)
        return (HOST_KEY,) if first_use else tuple(keys)

    async def last_lines(self, target: Target, keys: Sequence[str], *, unit: str) -> Sequence[str]:
        return self.journal

    async def console(
        self,
        target: Target,
        keys: Sequence[str],
        *,
        unit: str,
        file: str | None,
        first: bool = False,
    ) -> Sequence[str]:
        self.power.step()
        if self.said is None:
            raise NotYet("the game's unit does not run")
        return self.said[:CONSOLE_LINES] if first else self.said[-CONSOLE_LINES:]

    async def packages(
        self, target: Target, keys: Sequence[str], *, names: Sequence[str]
    ) -> Mapping[str, str]:
        return {name: self.installed[name] for name in names if name in self.installed}

    async def build(
        self, target: Target, keys: Sequence[str], *, directory: str, app: int
    ) -> str | None:
        return self.steam.get(app)


@dataclass
class FakePlaybooks:
    power: Power
    plays: list[Play] = field(default_factory=list)
    running: int = 0
    most_running: int = 0
    fails: str = ""
    hangs: bool = False
    hung: bool = False
    installed: set[str] = field(default_factory=set)

    async def play(self, play: Play, *, tell: Callable[[TaskEvent], Awaitable[None]]) -> PlayEnded:
        self.plays.append(play)
        self.running += 1
        self.most_running = max(self.most_running, self.running)
        try:
            return await self._play(play, tell)
        finally:
            self.running -= 1

    async def _play(self, play: Play, tell: Callable[[TaskEvent], Awaitable[None]]) -> PlayEnded:
        for number, task in enumerate(("Install", "Configure")):
            self.power.step()
            await tell(TaskEvent(counter=2 * number, kind="started", task=task))
            if self.hangs:
                await asyncio.sleep(3600)
            if self.hung:
                return PlayEnded(status="hung", code=-1, output=("no sign of life for 15 min",))
            if self.fails:
                told = {"counter": 1, "kind": "failed", "host": "guest", "seconds": 0.5}
                await tell(TaskEvent.model_validate({**told, "task": task, "message": self.fails}))
                return PlayEnded(status="failed", code=2)
            told = {"counter": 2 * number + 1, "kind": "changed", "seconds": 1.5}
            await tell(TaskEvent.model_validate({**told, "task": task, "host": "guest"}))
        self.power.step()
        self.installed.add(play.name)
        return PlayEnded(status="successful", code=0)


@dataclass
class FakeGames:
    game: Game = field(default_factory=lambda: GAME)

    def find(self, game_id: str, settings: Mapping[str, JsonValue] | None = None) -> Game:
        if game_id != self.game.id:
            raise StepFailed(f"there is no game {game_id!r}")
        return self.game

    def complete(self, game: Game, settings: Mapping[str, JsonValue]) -> dict[str, JsonValue]:
        return {"slots": 8, **settings}


@dataclass
class FakeResolvers:
    """A vendor that offers a newer version each day."""

    power: Power
    newest: str = "2.0"
    silent: int = 0
    asked: list[Wish] = field(default_factory=list)

    async def resolve(self, wish: Wish) -> Lock:
        self.power.step()
        self.asked.append(wish)
        if self.silent:
            self.silent -= 1
            raise NotYet("the vendor is away")
        version = self.newest if wish.wants_latest else wish.version
        return a_lock(version or "", variant=wish.variant)


def a_lock(version: str = "2.0", **changes: Any) -> Lock:
    file = Artefact(name="pong.zip", url=f"https://vendor.example/{version}", checksum=CHECKSUM)
    lock = Lock(
        game="pong", version=version, artefacts=(file,), definition="1.0.0", resolved_at=now()
    )
    return lock.model_copy(update=changes)


@dataclass
class FakeQueries:
    power: Power
    silent: int = 0
    asked: list[tuple[str, str, int]] = field(default_factory=list)
    answer: dict[str, JsonValue] = field(default_factory=lambda: {"version": "5.10", "players": 0})

    async def ask(self, protocol: str, host: str, port: int) -> dict[str, JsonValue]:
        self.power.step()
        self.asked.append((protocol, host, port))
        if self.silent:
            self.silent -= 1
            raise NotYet("no answer")
        return dict(self.answer)


@dataclass
class FakeSeals:
    """Opens envelopes that say themselves what they hold, and for whom."""

    def open(self, envelope: str, *, server_id: str, pointer: str) -> bytes:
        head, _, content = envelope.rpartition(":")
        if head != f"sealed:fake:{server_id}:{pointer}":
            raise StepFailed(f"the sealed setting {pointer} does not open")
        return bytes.fromhex(content)


class FakeProvisioner:
    """The unit of work and all tools; ``power`` cuts everything off at any point."""

    def __init__(self) -> None:
        self.power = Power()
        self.runs, self.inbox, self.outbox = FakeRuns(), FakeInbox(), FakeOutbox()
        self.keys, self.games, self.counts = FakeKeys(), FakeGames(), FakeCounts()
        self.resolvers = FakeResolvers(self.power)
        self.guests, self.log = FakeGuests(self.power), FakeLog()
        self.playbooks, self.queries = FakePlaybooks(self.power), FakeQueries(self.power)
        self.tools = Tools(
            guests=self.guests,
            playbooks=self.playbooks,
            games=self.games,
            resolvers=self.resolvers,
            queries=self.queries,
            seals=FakeSeals(),
            log=self.log,
            target=lambda endpoint: target(endpoint, user="yard", key_file=Path("/keys/id")),
        )

    @asynccontextmanager
    async def __call__(self) -> AsyncGenerator["FakeProvisioner"]:
        before = copy.deepcopy(self._held())
        try:
            yield self
            self.power.step()
        except BaseException:
            self.runs.rows, self.inbox.claimed, self.outbox.messages = before[:3]
            self.keys.rows, self.counts.rows = before[3:]
            raise
        self.power.step()

    def _held(self) -> tuple[Any, ...]:
        memory = (self.runs.rows, self.inbox.claimed, self.outbox.messages)
        return (*memory, self.keys.rows, self.counts.rows)

    @property
    def run(self) -> Run:
        return self.runs.rows[SERVER]

    def said(self, kind: type[Any]) -> list[Any]:
        return [message for message in self.outbox.messages if isinstance(message, kind)]

    def steps(self) -> list[tuple[str, str]]:
        return [
            (changed.step, changed.state)
            for changed in self.said(evt.StepChanged)
            if changed.state != "running" or changed.detail is None
        ]

    def texts(self) -> list[str]:
        batches = [line.text for batch in self.said(LogBatch) for line in batch.lines]
        return batches + [line.text for line in self.log.lines]
