"""Quiet operations are asked for again; what takes too long is ended."""

from collections import Counter
from datetime import datetime, timedelta

from common.contracts import events as evt
from gateway.domain.operation import Operation
from gateway.domain.transitions import State
from gateway.handlers.reconciler import forget_old, reconcile
from tests.fakes.gateway import MOMENT, FakeWork
from tests.unit.gateway.test_events import VM_DELETED, VM_FAILED, about, deployed, hear


def later(**time: float) -> datetime:
    return MOMENT + timedelta(**time)


async def test_what_was_heard_of_lately_is_left_alone() -> None:
    work = FakeWork()
    await deployed(work)
    before = list(work.outbox.messages)

    await reconcile(work=work, at=later(seconds=29))

    assert work.outbox.messages == before


async def test_a_quiet_deployment_is_requested_again_under_a_new_id() -> None:
    work = FakeWork()
    await deployed(work)

    for seconds in (31, 40, 62):
        await reconcile(work=work, at=later(seconds=seconds))

    requests = work.outbox.of(evt.DeploymentRequested)
    assert len({request.id for request in requests}) == 3  # the first, and after 31 and 62 seconds
    bodies = [request.model_dump(exclude={"id", "time"}) for request in requests]
    assert bodies[0] == bodies[1] == bodies[2]


async def test_a_quiet_removal_is_requested_again_for_the_same_reason() -> None:
    work = FakeWork()
    await deployed(work, VM_FAILED)

    await reconcile(work=work, at=later(seconds=31))

    removals = work.outbox.of(evt.RemovalRequested)
    assert [r.reason for r in removals if isinstance(r, evt.RemovalRequested)] == ["failed"] * 2


async def test_what_has_ended_is_left_alone() -> None:
    work = FakeWork()
    await deployed(work, VM_FAILED, VM_DELETED)

    assert await reconcile(work=work, at=later(days=9)) == 0


async def test_a_deployment_past_its_deadline_is_taken_back() -> None:
    work = FakeWork()
    operation, _ = await deployed(work)

    await reconcile(work=work, at=operation.deadline)
    failing = work.operations.rows[operation.id]
    await hear(work, about(operation, VM_DELETED))

    assert failing.state is State.FAILING
    assert failing.failure is not None
    assert failing.failure.code == "deadline_passed"
    assert work.operations.rows[operation.id].state is State.FAILED
    assert work.outbox.ends_well()


async def test_a_removal_that_never_comes_to_an_end_fails_after_a_day() -> None:
    work = FakeWork()
    operation, server = await deployed(work, VM_FAILED)

    await reconcile(work=work, at=operation.deadline + timedelta(hours=23))
    assert work.operations.rows[operation.id].state is State.FAILING
    await reconcile(work=work, at=operation.deadline + timedelta(hours=24))

    failed = work.operations.rows[operation.id]
    assert failed.state is State.FAILED
    assert failed.failure is not None
    assert failed.failure.code == "removal_overdue"
    assert work.servers.rows[server.id].failure == failed.failure


async def test_one_look_cares_for_everything_that_is_quiet() -> None:
    work = FakeWork()
    for _ in range(3):
        await deployed(work)

    assert await reconcile(work=work, at=later(seconds=31)) == 3
    assert await reconcile(work=work, at=later(seconds=32)) == 0


async def test_one_that_cannot_be_cared_for_does_not_keep_the_others_from_it() -> None:
    work = FakeWork()
    deployments = [(await deployed(work))[0] for _ in range(3)]
    first = min(operation.id for operation in deployments)
    hold = work.operations.hold

    async def broken(id: str) -> Operation | None:
        if id == first:
            raise RuntimeError
        return await hold(id)

    work.operations.hold = broken
    await reconcile(work=work, at=later(seconds=31))

    requests = work.outbox.of(evt.DeploymentRequested)
    asked = Counter(r.operation_id for r in requests if isinstance(r, evt.DeploymentRequested))
    assert asked == {operation.id: 2 - (operation.id == first) for operation in deployments}


async def test_what_nobody_needs_any_more_is_forgotten() -> None:
    work = FakeWork()
    await work.login_failures.add("k", at=MOMENT)

    await forget_old(work=work, at=later(hours=2))

    assert not work.login_failures.rows
