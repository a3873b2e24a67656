"""A gateway that delivers, without a network: its memory, its receivers, and its clock."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from common.contracts import public_data as public
from common.db.leases import Lease
from gateway.adapters.shared_queue import SharedQueue
from gateway.domain.delivering import Schedule
from gateway.domain.delivery import Attempt, Delivery, DeliveryState
from gateway.domain.endpoint import Endpoint, KeptKey
from gateway.domain.publicity import Notice, Published
from gateway.domain.signing import Scheme, SigningKey
from gateway.handlers.attempts import Attempting
from gateway.handlers.dispatch_state import DispatchState
from gateway.handlers.dispatcher import deliver
from gateway.handlers.fan_out import fan_out
from gateway.handlers.webhook_seals import kept
from gateway.ports.work import UnitOfWork as AnyUnitOfWork
from tests.fakes.deliveries import FakeClock, FakeLeasedWork, FakeSender, OpenSeals
from tests.fakes.gateway import MOMENT, FakeWork

OWNER = "usr_1"


def players_changed(
    count: int = 1, *, server_id: str = "srv_1", owner_id: str = OWNER, at: datetime = MOMENT
) -> Notice:
    data = public.PlayersData(
        server=public.Reference(id=server_id, name="mine", game="blocks", labels={"env": "prod"}),
        links=public.Links(server=f"/v1/servers/{server_id}"),
        players=count,
    )
    return Notice(
        type="server.players_changed", subject_id=server_id, owner_id=owner_id, time=at, data=data
    )


def endpoint(id: str = "whk_1", **more: Any) -> Endpoint:
    made: dict[str, Any] = {
        "owner_id": OWNER,
        "name": id,
        "url": f"https://{id}.example/hook",
        "created_at": MOMENT,
        "updated_at": MOMENT,
        "keys": (key(id),),
    }
    return Endpoint(id=id, **{**made, **more})


def key(id: str, *, expires_at: datetime | None = None, fill: bytes = b"k") -> KeptKey:
    made = kept(SigningKey(Scheme.HMAC, fill * 32), id, seals=OpenSeals(), at=MOMENT)
    return replace(made, expires_at=expires_at)


async def delivered(endpoint_id: str, *, work: AnyUnitOfWork, state: DispatchState) -> None:
    """Deliver as the product does, under a lease that holds."""
    lease = Lease(subject_id=endpoint_id, owner="one", token=1)
    queue = SharedQueue(FakeLeasedWork(work), state)
    try:
        await deliver(endpoint_id, state=state, queue=queue.under(lease))
    finally:
        await queue.aclose()


@dataclass
class World:
    """Everything at one place; ``schedule`` without jitter."""

    work: FakeWork = field(default_factory=FakeWork)
    sender: FakeSender = field(default_factory=FakeSender)
    clock: FakeClock = field(default_factory=lambda: FakeClock(MOMENT))
    state: DispatchState = field(init=False)

    def __post_init__(self) -> None:
        self.start()

    def start(self) -> None:
        """Begin anew, as a process does: what was in its memory is gone."""
        attempting = Attempting(sender=self.sender, opener=OpenSeals(), clock=self.clock)
        self.state = DispatchState(
            attempting=attempting,
            clock=self.clock,
            seconds=self.clock.seconds,
            sleep=self.clock.sleep,
            schedule=Schedule(jitter=0),
        )

    async def add(self, *endpoints: Endpoint) -> None:
        async with self.work() as tx:
            for one in endpoints:
                await tx.endpoints.add(one)

    async def tell(self, *notices: Notice) -> Sequence[Published]:
        async with self.work() as tx:
            await tx.public_events.add(*notices)
        return await self.number()

    async def number(self) -> Sequence[Published]:
        async with self.work() as tx:
            found = await tx.public_events.number(limit=1000)
            await fan_out(tx, found, at=self.clock())
        return found

    async def deliver(self, endpoint_id: str = "whk_1") -> None:
        await delivered(endpoint_id, work=self.work, state=self.state)

    async def pass_time(self, time: timedelta) -> None:
        """Let time pass, and do what is due whenever something is."""
        end = self.clock.now + time
        while True:
            while await self.number():
                pass
            for name, one in sorted(self.work.endpoints.rows.items()):
                if one.enabled and any(row.next_at <= self.clock.now for row in self.pending(name)):
                    await self.deliver(name)
            if self.work.public_events.numbered < len(self.work.public_events.rows):
                continue
            enabled = [n for n, one in self.work.endpoints.rows.items() if one.enabled]
            due = [row.next_at for name in enabled for row in self.pending(name)]
            rested = [self.clock.now + self.pause_left(name) for name in self.state.pauses]
            self.clock.now = min([*(at for at in (*due, *rested) if at > self.clock.now), end])
            if self.clock.now >= end:
                return

    def pause_left(self, endpoint_id: str = "whk_1") -> timedelta:
        return self.state.pause_left(endpoint_id, self.kept(endpoint_id).revision)

    def pending(self, endpoint_id: str = "whk_1") -> list[Delivery]:
        rows = self.work.deliveries.rows.values()
        return [
            row
            for row in rows
            if row.endpoint_id == endpoint_id and row.state is DeliveryState.PENDING
        ]

    def delivery(self, event: Published, endpoint_id: str = "whk_1") -> Delivery:
        return self.work.deliveries.rows[endpoint_id, event.id]

    def attempts(self, endpoint_id: str = "whk_1") -> list[Attempt]:
        rows = self.work.deliveries.attempts.values()
        return sorted((r for r in rows if r.endpoint_id == endpoint_id), key=lambda r: r.at)

    def kept(self, endpoint_id: str = "whk_1") -> Endpoint:
        return self.work.endpoints.rows[endpoint_id]

    def told(self) -> list[str]:
        """Types of what was told of endpoints."""
        return [told for told in self.work.public_events.types() if told.startswith("webhook.")]
