"""A gateway's world in memory. Its transactions roll back; it can be cut before or after one."""

import asyncio
import copy
import hashlib
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from fnmatch import fnmatch

from common.contracts.base import Message
from common.contracts.events import OperationFinished
from common.contracts.ids import new_id
from common.contracts.logs import LogBatch
from common.contracts.servers import Plan, Port
from gateway.domain.game import Game
from gateway.domain.operation import Operation
from gateway.domain.phase import Phase
from gateway.domain.plan import RECOMMENDED
from gateway.domain.publicity import Notice, Published
from gateway.domain.server import Server
from gateway.domain.transitions import State
from gateway.domain.user import RefreshToken, Role, Session, User
from gateway.ports.public_events import Sought
from gateway.ports.records import Page, RequestKey
from tests.fakes.deliveries import FakeDeliveries
from tests.fakes.endpoints import FakeEndpoints

MOMENT = datetime(2026, 1, 1, 12, tzinfo=UTC)

USER = User(id="usr_1", name="Ann", role=Role.ADMIN, password_hash="hash of x", created_at=MOMENT)


class PowerCut(Exception):
    """The process ends here."""


@dataclass
class FakeOperations:
    rows: dict[str, Operation] = field(default_factory=dict)

    async def add(self, operation: Operation) -> None:
        assert operation.id not in self.rows
        assert await self.find_active(operation.server_id) is None
        self.rows[operation.id] = operation

    async def find(self, id: str) -> Operation | None:
        return self.rows.get(id)

    async def hold(self, id: str) -> Operation | None:
        return self.rows.get(id)

    async def save(self, operation: Operation) -> None:
        self.rows[operation.id] = operation

    async def find_active(self, server_id: str) -> Operation | None:
        active = [o for o in self.rows.values() if o.server_id == server_id and not o.has_ended]
        return active[0] if active else None

    async def hold_active(self, server_id: str) -> Operation | None:
        return await self.find_active(server_id)

    async def of_owner(
        self, owner_id: str, *, page: Page, state: State | None, server_id: str | None
    ) -> Sequence[Operation]:
        found = [
            o
            for o in self.rows.values()
            if o.owner_id == owner_id and state in (None, o.state)
            and server_id in (None, o.server_id) and (page.after is None or o.id < page.after)
        ]  # fmt: skip
        return sorted(found, key=lambda o: o.id, reverse=True)[: page.limit]

    async def unended(self, *, quiet_since: datetime, limit: int) -> Sequence[Operation]:
        found = [o for o in self.rows.values() if not o.has_ended and o.heard_at <= quiet_since]
        return sorted(found, key=lambda o: o.heard_at)[:limit]

    async def overdue(self, *, at: datetime, limit: int) -> Sequence[Operation]:
        found = [o for o in self.rows.values() if not o.has_ended and o.ends_by <= at]
        return sorted(found, key=lambda o: o.ends_by)[:limit]


@dataclass
class FakeServers:
    rows: dict[str, Server] = field(default_factory=dict)

    async def add(self, server: Server) -> None:
        assert server.id not in self.rows
        self.rows[server.id] = server

    async def find(self, id: str) -> Server | None:
        return self.rows.get(id)

    async def hold(self, id: str) -> Server | None:
        return self.rows.get(id)

    async def save(self, server: Server) -> None:
        self.rows[server.id] = server

    async def of_owner(
        self, owner_id: str, *, page: Page, labels: Mapping[str, str]
    ) -> Sequence[Server]:
        found = [
            s
            for s in self.rows.values()
            if s.owner_id == owner_id and s.phase is not Phase.DELETED
            and labels.items() <= s.labels.items()
            and s.spec.purpose == "server" and (page.after is None or s.id < page.after)
        ]  # fmt: skip
        return sorted(found, key=lambda s: s.id, reverse=True)[: page.limit]

    async def templates(self) -> Sequence[Server]:
        living = [s for s in self.rows.values() if s.phase is not Phase.DELETED]
        found = [s for s in living if s.spec.purpose == "template"]
        return sorted(found, key=lambda s: s.id, reverse=True)


@dataclass
class FakeRequestKeys:
    rows: dict[tuple[str, str], tuple[str, str, datetime]] = field(default_factory=dict)

    async def claim(self, key: RequestKey, *, operation_id: str, at: datetime) -> bool:
        if (key.scope, key.key) in self.rows:
            return False
        self.rows[key.scope, key.key] = (key.body_hash, operation_id, at)
        return True

    async def find(self, key: RequestKey) -> tuple[str, str] | None:
        row = self.rows.get((key.scope, key.key))
        return row[:2] if row else None

    async def forget(self, *, before: datetime) -> None:
        for key in [key for key, row in self.rows.items() if row[2] < before]:
            del self.rows[key]


@dataclass
class FakeUsers:
    rows: dict[str, User] = field(default_factory=dict)

    async def add_first(self, user: User) -> bool:
        if self.rows:
            return False
        self.rows[user.id] = user
        return True

    async def add(self, user: User) -> None:
        assert await self.find_by_name(user.name) is None
        self.rows[user.id] = user

    async def find(self, id: str) -> User | None:
        return self.rows.get(id)

    async def find_by_name(self, name: str) -> User | None:
        found = [u for u in self.rows.values() if u.name.casefold() == name.casefold()]
        return found[0] if found else None

    async def save_password(self, id: str, *, password_hash: str) -> None:
        self.rows[id] = replace(self.rows[id], password_hash=password_hash)


@dataclass
class FakeSessions:
    rows: dict[str, Session] = field(default_factory=dict)
    tokens: dict[str, RefreshToken] = field(default_factory=dict)

    async def add(self, session: Session) -> None:
        self.rows[session.id] = session

    async def find(self, id: str) -> Session | None:
        return self.rows.get(id)

    async def revoke(self, id: str, *, at: datetime) -> None:
        session = self.rows.get(id)
        if session and session.revoked_at is None:
            self.rows[id] = replace(session, revoked_at=at)

    async def add_token(self, token: RefreshToken) -> None:
        self.tokens.setdefault(token.hash, token)

    async def hold_token(self, hash: str) -> RefreshToken | None:
        return self.tokens.get(hash)

    async def mark_used(self, hash: str, *, at: datetime) -> None:
        self.tokens[hash] = replace(self.tokens[hash], used_at=at)

    async def forget(self, *, before: datetime) -> None:
        gone = {name for name, session in self.rows.items() if session.expires_at < before}
        self.rows = {name: row for name, row in self.rows.items() if name not in gone}
        self.tokens = {
            name: token
            for name, token in self.tokens.items()
            if token.session_id not in gone and token.expires_at >= before
        }


@dataclass
class FakeLoginFailures:
    rows: list[tuple[str, datetime]] = field(default_factory=list)

    async def add(self, key: str, *, at: datetime) -> None:
        self.rows.append((key, at))

    async def count(self, key: str, *, since: datetime) -> int:
        return sum(1 for known, at in self.rows if known == key and at > since)

    async def forget(self, *, before: datetime) -> None:
        self.rows = [row for row in self.rows if row[1] >= before]


@dataclass
class FakeInbox:
    claims: set[str] = field(default_factory=set)

    async def claim(self, message_id: str) -> bool:
        if message_id in self.claims:
            return False
        self.claims.add(message_id)
        return True


@dataclass
class FakeOutbox:
    messages: list[Message] = field(default_factory=list)

    async def add(self, *messages: Message) -> None:
        self.messages.extend(messages)

    def texts(self) -> list[str]:
        batches = [m for m in self.messages if isinstance(m, LogBatch)]
        return [line.text for batch in batches for line in batch.lines]

    def of(self, kind: type[Message]) -> list[Message]:
        return [message for message in self.messages if isinstance(message, kind)]

    def ends_well(self) -> bool:
        """Exactly one end is told, and the final lines come last."""
        finals = [m for m in self.messages if isinstance(m, LogBatch) and m.final]
        told = self.of(OperationFinished)
        return len(finals) == len(told) == 1 and self.messages[-1] is finals[0]


@dataclass
class FakePublicEvents:
    rows: list[Published] = field(default_factory=list)
    numbered: int = 0
    sequences: dict[tuple[str, str | None], int] = field(default_factory=dict)

    async def add(self, *notices: Notice) -> Sequence[str]:
        for notice in notices:
            source = (notice.subject_id, notice.only_for)
            self.sequences[source] = self.sequences.get(source, 0) + 1
            self.rows.append(
                Published(
                    position=0,
                    id=new_id("event"),
                    type=notice.type,
                    owner_id=notice.owner_id,
                    subject_id=notice.subject_id,
                    sequence=self.sequences[source],
                    time=notice.time,
                    data=notice.data.model_dump(mode="json", exclude_none=True),
                    only_for=notice.only_for,
                )
            )
        return [row.id for row in self.rows[len(self.rows) - len(notices) :]]

    async def number(self, *, limit: int) -> Sequence[Published]:
        waiting = [index for index, row in enumerate(self.rows) if not row.position][:limit]
        for index in waiting:
            self.numbered += 1
            self.rows[index] = replace(self.rows[index], position=self.numbered)
        return [self.rows[index] for index in waiting]

    async def find(self, sought: Sought) -> Sequence[Published]:
        found = [row for row in self.rows if row.position > sought.after and self._is(row, sought)]
        return found[-sought.limit :] if sought.newest else found[: sought.limit]

    def _is(self, row: Published, sought: Sought) -> bool:
        return (
            row.only_for is None
            and sought.owner_id in (None, row.owner_id)
            and sought.subject_id in (None, row.subject_id)
            and (not sought.types or any(fnmatch(row.type, one) for one in sought.types))
        )

    async def among(self, ids: Sequence[str]) -> Sequence[Published]:
        return [row for row in self.rows if row.position and row.id in ids]

    async def last_before_newer(self, time: datetime) -> int:
        newer = [row.position for row in self.rows if row.position and row.time > time]
        return min(newer) - 1 if newer else self.numbered

    async def first_after_older(self, time: datetime) -> int:
        older = [row.position for row in self.rows if row.position and row.time < time]
        return max(older, default=0) + 1

    async def last_position(self) -> int:
        return self.numbered

    async def forget(self, *, before: datetime, limit: int) -> int:
        old = [row for row in self.rows if row.position and row.time < before][:limit]
        self.rows = [row for row in self.rows if row not in old]
        return len(old)

    def types(self) -> list[str]:
        return [row.type for row in self.rows]


@dataclass
class FakeWork:
    """A unit of work that serves one transaction at a time. ``cut`` ends the process once."""

    operations: FakeOperations = field(default_factory=FakeOperations)
    servers: FakeServers = field(default_factory=FakeServers)
    request_keys: FakeRequestKeys = field(default_factory=FakeRequestKeys)
    users: FakeUsers = field(default_factory=FakeUsers)
    sessions: FakeSessions = field(default_factory=FakeSessions)
    login_failures: FakeLoginFailures = field(default_factory=FakeLoginFailures)
    inbox: FakeInbox = field(default_factory=FakeInbox)
    outbox: FakeOutbox = field(default_factory=FakeOutbox)
    public_events: FakePublicEvents = field(default_factory=FakePublicEvents)
    endpoints: FakeEndpoints = field(default_factory=FakeEndpoints)
    deliveries: FakeDeliveries = field(default_factory=FakeDeliveries)
    cut: str | None = None
    _turn: asyncio.Lock = field(default_factory=asyncio.Lock)

    @asynccontextmanager
    async def __call__(self) -> AsyncGenerator["FakeWork"]:
        async with self._turn:
            before = self._copy()
            try:
                yield self
                await asyncio.sleep(0)
                self._maybe_cut("before commit")
            except BaseException:
                vars(self).update(before)
                raise
            self._maybe_cut("after commit")

    def _copy(self) -> dict[str, object]:
        return {n: copy.deepcopy(v) for n, v in vars(self).items() if n not in ("cut", "_turn")}

    def _maybe_cut(self, place: str) -> None:
        if self.cut == place:
            self.cut = None
            raise PowerCut(place)


@dataclass
class FakePasswords:
    """Hashes that anybody can read, and a count of what was verified."""

    verified: int = 0

    async def hash(self, password: str) -> str:
        return f"hash of {password}"

    async def verify(self, password: str, *, hash: str | None) -> bool:
        self.verified += 1
        return hash in (f"hash of {password}", f"old hash of {password}")

    def is_outdated(self, hash: str) -> bool:
        return hash.startswith("old")


@dataclass
class FakeTokens:
    """Tokens that say what they are."""

    issued: int = 0

    def access(self, user: User, session: Session) -> str:
        return f"access {user.id} {session.id}"

    def log_ticket(self, *, user_id: str, stream: str) -> str:
        return f"ticket {user_id} {stream}"

    def new_refresh(self) -> str:
        self.issued += 1
        return f"refresh-{self.issued}"

    def successor(self, refresh: str) -> str:
        return hashlib.sha256(refresh.encode()).hexdigest()


@dataclass
class FakeSeals:
    """Envelopes that know their place; nobody could open them, and no two are alike."""

    made: list[tuple[bytes, str, str]] = field(default_factory=list[tuple[bytes, str, str]])

    def seal(self, data: bytes, *, server_id: str, pointer: str) -> str:
        self.made.append((data, server_id, pointer))
        return f"sealed:fake:{len(self.made)}"

    def fingerprint(self, data: bytes) -> str:
        return hashlib.sha256(b"fake" + data).hexdigest()


BLOCKS = Game(
    id="blocks",
    name="Blocks",
    summary="A game of blocks.",
    version="1.2.3",
    recipe="abc",
    maturity="tested",
    tags=("sandbox",),
    plan=Plan(name=RECOMMENDED, cores=1, memory_mib=1024, disk_gib=4),
    ports=(Port(name="game", protocol="udp", number=30000),),
    connect="{host}:{port}",
    settings_schema={
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "type": "object",
        "additionalProperties": False,
        "required": ["motd"],
        "properties": {
            "motd": {"type": "string", "maxLength": 20, "default": "Hello"},
            "mode": {"enum": ["easy", "hard"], "default": "easy"},
            "players": {"type": "integer", "minimum": 1, "maximum": 100},
            "password": {"type": "string", "x-secret": True, "default": ""},
            "keys": {"type": "array", "items": {"type": "string", "x-secret": True}},
            "world": {
                "type": "object",
                "additionalProperties": False,
                "required": ["seed"],
                "properties": {
                    "seed": {"type": "integer", "default": 7},
                    "pin": {"type": "integer", "x-secret": True},
                },
            },
        },
    },
)


# What it needs at least no plan has but the largest.
GIANT = replace(BLOCKS, id="giant", least=Plan(name="least", cores=1, memory_mib=5000, disk_gib=4))


class FakeCatalogue:
    """A catalogue of two games, one of them listed."""

    def all(self) -> Sequence[Game]:
        return [BLOCKS]

    def find(self, id: str) -> Game | None:
        return next((game for game in (BLOCKS, GIANT) if game.id == id), None)
