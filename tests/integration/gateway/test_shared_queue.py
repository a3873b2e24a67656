"""Many dispatchers at one queue: each gets its own answer, and who lost the lease none."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace

import pytest

from common.bell import Bell
from common.contracts.base import now
from common.db.engine import Sessions
from common.db.leases import Lease, LeaseLost, SqlLeases
from common.db.work import UnitOfWork
from gateway.adapters.shared_queue import SharedQueue
from gateway.adapters.sql.leased_work import SqlLeasedWork
from gateway.adapters.sql.work import SqlWork
from gateway.domain.delivering import Outcome
from gateway.domain.delivery import DeliveryState
from gateway.domain.publicity import Published
from gateway.handlers.attempts import Attempting
from gateway.handlers.delivery_queue import Question
from gateway.handlers.dispatch_state import DispatchState
from gateway.handlers.fan_out import fan_out
from tests.fakes.deliveries import FakeSender, OpenSeals
from tests.unit.gateway.post import endpoint, players_changed

pytestmark = pytest.mark.integration

NAMES = tuple(f"whk_{number}" for number in range(7))


@pytest.fixture
def work(sessions: Sessions) -> UnitOfWork[SqlWork]:
    return UnitOfWork(sessions, bind=SqlWork, bell=Bell())


@pytest.fixture
def queue(sessions: Sessions) -> SharedQueue:
    attempting = Attempting(sender=FakeSender(), opener=OpenSeals(), clock=now)
    return SharedQueue(SqlLeasedWork(sessions), DispatchState(attempting=attempting, clock=now))


@pytest.fixture
async def events(work: UnitOfWork[SqlWork]) -> Sequence[Published]:
    """Three events, on their way to each of the endpoints but the last, which is disabled."""
    async with work() as tx:
        for name in NAMES:
            await tx.endpoints.add(
                endpoint(name, in_order=name == NAMES[1], enabled=name != NAMES[-1])
            )
        await tx.public_events.add(*(players_changed(number) for number in range(3)))
        found = await tx.public_events.number(limit=3)
        await fan_out(tx, found, at=now())
    return found


@pytest.fixture
async def leases(sessions: Sessions) -> Sequence[Lease]:
    """Leases on the endpoints, and on one that is gone; the third was lost."""
    async with sessions.begin() as session:
        taken = await SqlLeases(session).take_all([*NAMES, "whk_gone"], owner="one", seconds=60)
    return [replace(one, token=0) if n == 2 else one for n, one in enumerate(taken)]


async def test_each_sees_what_is_due_to_it_at_the_same_time(
    queue: SharedQueue, events: Sequence[Published], leases: Sequence[Lease]
) -> None:
    seen = await asyncio.gather(
        *(
            queue.under(lease).look(
                Question(endpoint_id=lease.subject_id, but=frozenset({events[n % 3].id}))
            )
            for n, lease in enumerate(leases)
        ),
        return_exceptions=True,
    )

    assert isinstance(seen[2], LeaseLost)
    answers = {n: one for n, one in enumerate(seen) if not isinstance(one, BaseException)}
    due = {n: [dispatch.event for dispatch in one.dispatches] for n, one in answers.items()}
    assert due[0] == due[3] == [events[1], events[2]]
    assert due[4] == [events[0], events[2]]
    assert due[1] == [events[0]], "in order: of each subject the first"
    assert due[5] == [events[0], events[1]]
    assert (due[6], due[7]) == ([], [])
    assert [one.endpoint and one.endpoint.id for one in answers.values()] == [
        *NAMES[:2], *NAMES[3:], None,
    ]  # fmt: skip
    assert not answers[1].is_all


def outcome(lease: Lease, event: Published, status: int = 200) -> Outcome:
    url = endpoint(lease.subject_id).url
    return Outcome(event_id=event.id, url=url, at=now(), took=0.1, status=status)


async def test_each_leaves_its_own_outcomes_but_the_one_without_the_lease(
    queue: SharedQueue,
    work: UnitOfWork[SqlWork],
    events: Sequence[Published],
    leases: Sequence[Lease],
) -> None:
    statuses = (200, 500, 200, 410, 204, 299, 200, 200)
    outcomes = [
        [outcome(lease, event, status) for event in events]
        for lease, status in zip(leases, statuses, strict=True)
    ]

    found = await asyncio.gather(
        *(
            queue.under(lease).record(lease.subject_id, of_one)
            for lease, of_one in zip(leases, outcomes, strict=True)
        ),
        return_exceptions=True,
    )

    assert isinstance(found[2], LeaseLost)
    assert found[7] is None
    async with work() as tx:
        kept = {one.id: one for one in await tx.endpoints.among(NAMES)}
        states = [
            {row.state for row in await tx.deliveries.hold(name, [event.id for event in events])}
            for name in NAMES[:6]
        ]
    assert [kept[name].enabled for name in NAMES] == [True, True, True, False, True, True, False]
    assert kept[NAMES[1]].failing_since
    assert states == [
        {DeliveryState.SUCCEEDED},
        {DeliveryState.PENDING},
        {DeliveryState.PENDING},
        {DeliveryState.FAILED},
        {DeliveryState.SUCCEEDED},
        {DeliveryState.SUCCEEDED},
    ]


async def test_whoever_holds_one_endpoint_keeps_no_other_one_s_outcomes_waiting(
    queue: SharedQueue,
    work: UnitOfWork[SqlWork],
    sessions: Sessions,
    events: Sequence[Published],
    leases: Sequence[Lease],
) -> None:
    if sessions().get_bind().dialect.name == "sqlite":
        pytest.skip("who writes is alone there")
    held, let_go = asyncio.Event(), asyncio.Event()

    async def change() -> None:
        async with work() as tx:
            await tx.endpoints.hold(NAMES[0])
            held.set()
            await let_go.wait()

    changing = asyncio.create_task(change())
    await held.wait()
    recording = [
        asyncio.create_task(
            queue.under(lease).record(lease.subject_id, [outcome(lease, events[0])])
        )
        for lease in (leases[0], leases[1], leases[3])
    ]
    done, waiting = await asyncio.wait(recording, timeout=3)
    told = [outcome(leases[4], events[0])]
    later = await asyncio.wait_for(queue.under(leases[4]).record(NAMES[4], told), 3)
    let_go.set()
    [last] = await asyncio.gather(*waiting)
    await changing

    assert done == set(recording[1:])
    assert [one and one.id for one in (last, later)] == [NAMES[0], NAMES[4]]
    async with work() as tx:
        rows = [row for name in NAMES for row in await tx.deliveries.hold(name, [events[0].id])]
    succeeded = [row.endpoint_id for row in rows if row.state is DeliveryState.SUCCEEDED]
    assert succeeded == [NAMES[0], NAMES[1], NAMES[3], NAMES[4]]
