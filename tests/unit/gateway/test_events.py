"""Facts of the other services: folded exactly once, and what follows from them."""

import itertools
import time
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest
from ulid import ULID

from common.contracts import events as evt
from common.contracts.servers import Endpoint
from common.errors import Rejected
from gateway.domain.errors import (
    NotCancellable,
    OperationEnded,
    OperationNotFound,
    ServerBusy,
    ServerDeleted,
    ServerNotFound,
)
from gateway.domain.kind import Kind
from gateway.domain.operation import Operation
from gateway.domain.phase import Phase
from gateway.domain.server import Server
from gateway.domain.transitions import State
from gateway.handlers.acceptance import Asked
from gateway.handlers.deployments import Wish, request_deployment
from gateway.handlers.events import on_event
from gateway.handlers.operations import issue_log_ticket, request_cancel
from gateway.handlers.servers import request
from tests.fakes.gateway import MOMENT, FakeCatalogue, FakeSeals, FakeTokens, FakeWork, PowerCut


async def deployed(
    work: FakeWork, *facts: evt.AnyEvent, keep: bool = False
) -> tuple[Operation, Server]:
    """A deployment for which these facts were heard; their ids are filled in."""
    operation = await request_deployment(
        Wish(game="blocks", settings={}, name="mine", keep_on_failure=keep),
        owner_id="usr_1",
        catalogue=FakeCatalogue(),
        seals=FakeSeals(),
        work=work,
        at=MOMENT,
    )
    for fact in facts:
        await hear(work, about(operation, fact))
    return work.operations.rows[operation.id], work.servers.rows[operation.server_id]


def about(operation: Operation, fact: evt.AnyEvent) -> evt.AnyEvent:
    return fact.model_copy(update={"server_id": operation.server_id, "operation_id": operation.id})


async def hear(work: FakeWork, fact: evt.AnyEvent) -> None:
    await on_event(fact, work=work, at=MOMENT)


ANY: Any = {"server_id": "?", "operation_id": "?"}
STEP = evt.StepChanged(step="clone", state="running", **ANY)
READY = evt.ServerReady(host="h", ports=(), connect="h:1", **ANY)
VM_FAILED = evt.VMFailed(step="clone", reason="no space", remedy="add space", **ANY)
SERVER_FAILED = evt.ServerFailed(step="playbook", reason="broken", **ANY)
VM_DELETED = evt.VMDeleted(**ANY)
BLOCKED = evt.VMRemovalBlocked(vmid=9, reason="locked", remedy="qm unlock 9", **ANY)


def vm_ready(operation: Operation) -> evt.VMReady:
    return evt.VMReady(
        server_id=operation.server_id,
        operation_id=operation.id,
        vmid=1,
        node="pve",
        endpoint=Endpoint(address="10.0.0.2", ssh_host="h", ssh_port=22, public_host="h"),
        host_keys=("k",),
        host_key_policy="agent",
        spec=operation.spec,
        deadline=operation.deadline,
    )


async def test_a_deployment_runs_its_course() -> None:
    work = FakeWork()
    operation, _ = await deployed(work, STEP)
    await hear(work, vm_ready(operation))
    assert work.servers.rows[operation.server_id].phase is Phase.PROVISIONING

    await hear(work, about(operation, READY))

    server = work.servers.rows[operation.server_id]
    assert work.operations.rows[operation.id].state is State.SUCCEEDED
    assert (server.phase, server.connect) == (Phase.RUNNING, "h:1")
    assert work.outbox.texts()[-1] == "mine is running. Connect to h:1"
    assert work.outbox.ends_well()


async def test_a_fact_heard_twice_counts_once() -> None:
    work = FakeWork()
    operation, _ = await deployed(work)
    fact = about(operation, VM_FAILED)

    await hear(work, fact)
    before = list(work.outbox.messages)
    await hear(work, fact)

    assert work.outbox.messages == before
    assert len(work.outbox.of(evt.RemovalRequested)) == 1


async def test_the_same_fact_under_a_new_id_changes_nothing_either() -> None:
    work = FakeWork()
    operation, _ = await deployed(work, READY)
    before = (list(work.outbox.messages), dict(work.servers.rows))

    await hear(work, about(operation, READY.model_copy(update={"id": "evt_again"})))

    assert (work.outbox.messages, work.servers.rows) == before


@pytest.mark.parametrize("cut", ["before commit", "after commit"])
@pytest.mark.parametrize("fact", [STEP, READY, VM_FAILED, SERVER_FAILED])
async def test_cut_anywhere_the_next_delivery_heals(cut: str, fact: evt.AnyEvent) -> None:
    whole, work = FakeWork(), FakeWork()
    expected, _ = await deployed(whole, fact)
    operation, _ = await deployed(work)
    work.cut = cut

    with pytest.raises(PowerCut):
        await hear(work, about(operation, fact))
    await hear(work, about(operation, fact))

    assert work.operations.rows[operation.id].state is expected.state
    assert len(work.outbox.messages) == len(whole.outbox.messages)


@pytest.mark.parametrize(
    "fact",
    [
        VM_FAILED,
        READY.model_copy(update={"operation_id": "op_of_nobody"}),
    ],
)
async def test_a_fact_about_nothing_of_ours_is_refused_for_good(fact: evt.AnyEvent) -> None:
    work = FakeWork()
    await deployed(work)

    with pytest.raises(Rejected):
        await hear(work, fact)

    assert not work.inbox.claims


async def test_a_fact_that_pairs_an_operation_with_a_foreign_server_is_refused() -> None:
    work = FakeWork()
    mine, _ = await deployed(work)
    other, _ = await deployed(work)

    with pytest.raises(Rejected):
        await hear(work, about(mine, READY).model_copy(update={"server_id": other.server_id}))

    assert work.servers.rows[other.server_id].phase is Phase.REQUESTED


async def test_a_failure_takes_back_tells_why_and_names_a_remedy() -> None:
    work = FakeWork()
    operation, _ = await deployed(work, VM_FAILED)
    (removal,) = work.outbox.of(evt.RemovalRequested)
    assert isinstance(removal, evt.RemovalRequested)
    assert (removal.reason, removal.operation_id) == ("failed", operation.id)

    await hear(work, about(operation, VM_DELETED))

    server = work.servers.rows[operation.server_id]
    assert work.operations.rows[operation.id].state is State.FAILED
    assert server.phase is Phase.FAILED
    assert server.failure is not None
    assert "What helps: add space" in work.outbox.texts()
    assert work.outbox.ends_well()


async def test_a_vm_to_be_kept_is_not_asked_to_be_removed() -> None:
    work = FakeWork()
    operation, server = await deployed(work, SERVER_FAILED, keep=True)

    assert operation.state is State.FAILED
    assert server.phase is Phase.FAILED
    assert not work.outbox.of(evt.RemovalRequested)
    assert work.outbox.ends_well()


async def test_a_cancelled_deployment_leaves_a_deleted_server() -> None:
    work = FakeWork()
    operation, _ = await deployed(work, STEP)

    await cancel(work, operation)
    await cancel(work, operation)
    await hear(work, about(operation, VM_DELETED))

    (removal,) = work.outbox.of(evt.RemovalRequested)
    assert isinstance(removal, evt.RemovalRequested)
    assert removal.reason == "cancelled"
    assert work.operations.rows[operation.id].state is State.CANCELLED
    assert work.operations.rows[operation.id].failure is None
    assert work.servers.rows[operation.server_id].phase is Phase.DELETED
    assert work.outbox.ends_well()


async def cancel(work: FakeWork, operation: Operation, *, owner: str = "usr_1") -> Operation:
    return await request_cancel(operation.id, owner_id=owner, work=work, at=MOMENT)


async def test_what_has_ended_cannot_be_cancelled() -> None:
    work = FakeWork()
    operation, _ = await deployed(work, READY)

    with pytest.raises(OperationEnded) as refused:
        await cancel(work, operation)

    assert refused.value.remedy


async def test_a_failing_deployment_may_be_cancelled_and_fails_all_the_same() -> None:
    work = FakeWork()
    operation, _ = await deployed(work, VM_FAILED)

    assert (await cancel(work, operation)).state is State.FAILING


async def test_operations_of_others_are_not_there() -> None:
    work = FakeWork()
    operation, _ = await deployed(work)

    with pytest.raises(OperationNotFound):
        await cancel(work, operation, owner="usr_2")
    with pytest.raises(OperationNotFound):
        await issue_log_ticket(operation.id, owner_id="usr_2", work=work, tokens=FakeTokens())
    with pytest.raises(ServerNotFound):
        await delete(work, operation.server_id, owner="usr_2")


async def delete(work: FakeWork, server_id: str, *, owner: str = "usr_1") -> Operation:
    asked = Asked(server_id=server_id, owner_id=owner)
    return await request(asked, Kind.DELETE, work=work, at=MOMENT)


async def test_a_running_server_is_deleted() -> None:
    work = FakeWork()
    _, server = await deployed(work, READY)

    operation = await delete(work, server.id)
    assert work.servers.rows[server.id].phase is Phase.DELETING
    assert work.servers.rows[server.id].operation_id == operation.id
    await hear(work, about(operation, VM_DELETED))

    assert work.operations.rows[operation.id].state is State.SUCCEEDED
    assert work.servers.rows[server.id].phase is Phase.DELETED
    with pytest.raises(ServerDeleted):
        await delete(work, server.id)


async def test_a_deletion_is_newer_than_the_deployment_even_if_the_clock_was_set_back() -> None:
    work = FakeWork()
    _, server = await deployed(work, READY)
    ahead = f"op_{str(ULID.from_timestamp(time.time() + 3600)).lower()}"
    work.servers.rows[server.id] = replace(server, operation_id=ahead, phase=Phase.RUNNING)

    assert (await delete(work, server.id)).id > ahead


async def test_deleting_twice_is_deleting_once() -> None:
    work = FakeWork()
    _, server = await deployed(work, READY)

    assert await delete(work, server.id) == await delete(work, server.id)
    assert len(work.outbox.of(evt.RemovalRequested)) == 1


@pytest.mark.parametrize("cut", ["before commit", "after commit"])
async def test_a_deletion_cut_anywhere_heals_by_asking_again(cut: str) -> None:
    work = FakeWork()
    _, server = await deployed(work, READY)
    work.cut = cut

    with pytest.raises(PowerCut):
        await delete(work, server.id)
    await delete(work, server.id)

    assert len(work.outbox.of(evt.RemovalRequested)) == 1


async def test_a_server_with_an_active_operation_is_not_deleted_but_says_what_to_do() -> None:
    work = FakeWork()
    operation, server = await deployed(work, STEP)

    with pytest.raises(ServerBusy) as refused:
        await delete(work, server.id)

    assert operation.id in (refused.value.remedy or "")
    assert work.servers.rows[server.id] == server


async def test_a_deletion_cannot_be_cancelled() -> None:
    work = FakeWork()
    _, server = await deployed(work, READY)

    with pytest.raises(NotCancellable):
        await cancel(work, await delete(work, server.id))


async def test_a_removal_that_is_blocked_leaves_a_failed_server_that_can_be_deleted_again() -> None:
    work = FakeWork()
    _, server = await deployed(work, READY)
    blocked = await delete(work, server.id)

    await hear(work, about(blocked, BLOCKED))

    failed = work.servers.rows[server.id]
    assert (failed.phase, failed.failure and failed.failure.remedy) == (Phase.FAILED, "qm unlock 9")
    assert "What helps: qm unlock 9" in work.outbox.texts()
    await delete(work, server.id)
    assert work.servers.rows[server.id].phase is Phase.DELETING
    assert work.servers.rows[server.id].failure is None


async def test_a_removal_that_was_blocked_and_succeeds_later_lets_the_server_go() -> None:
    work = FakeWork()
    _, server = await deployed(work, READY)
    blocked = await delete(work, server.id)
    await hear(work, about(blocked, BLOCKED))
    said = list(work.outbox.messages)

    await hear(work, about(blocked, VM_DELETED))

    after = work.servers.rows[server.id]
    assert (after.phase, after.failure) == (Phase.DELETED, None)
    assert work.operations.rows[blocked.id].state is State.FAILED  # what has ended stays so
    assert work.outbox.messages == said


async def test_late_news_of_a_removal_does_not_touch_what_a_newer_operation_does() -> None:
    work = FakeWork()
    _, server = await deployed(work, READY)
    blocked = await delete(work, server.id)
    await hear(work, about(blocked, BLOCKED))
    await delete(work, server.id)

    await hear(work, about(blocked, VM_DELETED))

    assert work.servers.rows[server.id].phase is Phase.DELETING


async def test_a_deployment_that_failed_stays_so_when_its_vm_is_gone_at_last() -> None:
    work = FakeWork()
    operation, server = await deployed(work, VM_FAILED, BLOCKED)

    await hear(work, about(operation, VM_DELETED))

    assert work.servers.rows[server.id].phase is Phase.FAILED


@pytest.mark.parametrize(
    "order", list(itertools.permutations((STEP, VM_FAILED, VM_DELETED, READY)))
)
async def test_whatever_the_order_the_end_is_told_at_most_once(
    order: Sequence[evt.AnyEvent],
) -> None:
    work = FakeWork()

    operation, server = await deployed(work, *order)

    assert operation.has_ended == bool(work.outbox.of(evt.OperationFinished))
    assert operation.state is not State.SUCCEEDED or server.phase is Phase.RUNNING
    assert not operation.has_ended or work.outbox.ends_well()
