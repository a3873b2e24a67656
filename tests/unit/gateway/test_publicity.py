"""What the world is told: each state once, in order, and nothing that is not its business."""

import json
from dataclasses import replace
from typing import Any

import jsonschema
import pytest

from common.contracts import events as evt
from common.contracts import public_events as public
from gateway.domain.announcements import OF_SERVER, OF_STATE, OF_TEMPLATE
from gateway.domain.phase import Phase
from gateway.domain.publicity import envelope
from gateway.domain.transitions import State
from gateway.handlers.events import on_event
from tests.fakes.gateway import MOMENT, FakeWork
from tests.unit.gateway.test_events import (
    BLOCKED,
    READY,
    SERVER_FAILED,
    STEP,
    VM_DELETED,
    about,
    cancel,
    delete,
    deployed,
    hear,
    vm_ready,
)


async def test_a_deployment_tells_its_course_in_order() -> None:
    work = FakeWork()
    operation, _ = await deployed(
        work, STEP, STEP.model_copy(update={"id": "2", "state": "succeeded"})
    )
    await hear(work, vm_ready(operation))
    await hear(work, about(operation, READY))

    assert work.public_events.types() == [
        "operation.accepted",
        "operation.started",
        "operation.step_changed",
        "operation.step_changed",
        "server.provisioning",
        "server.ready",
        "operation.succeeded",
    ]
    ready = work.public_events.rows[5].data
    assert (ready["connect"], ready["phase"], ready["former_phase"]) == (
        "h:1", "running", "provisioning",
    )  # fmt: skip


async def test_a_fact_heard_twice_is_told_once() -> None:
    work = FakeWork()
    operation, _ = await deployed(work, STEP)
    await hear(work, vm_ready(operation))
    told = work.public_events.types()

    await hear(work, work_again := about(operation, STEP))
    await hear(work, work_again)
    await hear(work, vm_ready(operation))

    assert work.public_events.types() == told


async def test_a_failure_says_why_and_what_helps() -> None:
    work = FakeWork()
    await deployed(work, STEP, SERVER_FAILED, VM_DELETED)

    assert work.public_events.types()[-4:] == [
        "operation.failing",
        "operation.step_changed",
        "server.failed",
        "operation.failed",
    ]
    step: Any = work.public_events.rows[-3].data["step"]
    assert step["state"] == "failed"
    for row in [work.public_events.rows[number] for number in (-4, -2, -1)]:
        error: Any = row.data["error"]
        assert error["detail"]
        assert error["remedy"]


async def test_what_is_called_off_and_removed_is_told() -> None:
    work = FakeWork()
    operation, _ = await deployed(work, STEP)
    await cancel(work, operation)
    await hear(work, about(operation, VM_DELETED))

    assert work.public_events.types()[-3:] == [
        "operation.cancelling", "server.deleted", "operation.cancelled",
    ]  # fmt: skip


async def test_a_removal_that_is_blocked_is_told() -> None:
    work = FakeWork()
    operation, server = await deployed(work, STEP)
    await hear(work, about(operation, READY))
    removal = await delete(work, server.id)
    await hear(work, about(removal, BLOCKED))

    assert work.public_events.types()[-5:] == [
        "operation.accepted", "server.deleting", "server.removal_blocked", "server.failed",
        "operation.failed",
    ]  # fmt: skip


async def test_players_are_told_when_their_number_changes() -> None:
    work = FakeWork()
    operation, _ = await deployed(work, STEP, READY)
    counted = evt.PlayersChanged(
        server_id=operation.server_id, operation_id=operation.id, players=3, max_players=9
    )
    await on_event(counted, work=work, at=MOMENT)
    before = work.public_events.types()
    await on_event(counted.model_copy(update={"id": "evt_x"}), work=work, at=MOMENT)

    assert before[-1] == "server.players_changed"
    assert work.public_events.types() == before
    assert work.public_events.rows[-1].data["players"] == 3


async def test_every_event_is_as_its_schema_says() -> None:
    work = FakeWork()
    operation, server = await deployed(work, STEP)
    await hear(work, vm_ready(operation))
    await hear(work, about(operation, READY))
    await delete(work, server.id)

    for row in work.public_events.rows:
        told = json.loads(envelope(replace(row, id="evt_" + "0" * 26)).model_dump_json())
        jsonschema.validate(told, public.schema(row.type))
        assert told["time"] == told["timestamp"]


async def test_the_sequence_of_a_server_has_no_gap() -> None:
    work = FakeWork()
    operation, _ = await deployed(work, STEP)
    await hear(work, vm_ready(operation))

    assert [row.sequence for row in work.public_events.rows] == list(
        range(1, len(work.public_events.rows) + 1)
    )


async def test_settings_are_nobodys_business() -> None:
    work = FakeWork()
    await deployed(work, STEP, READY)

    assert all("settings" not in json.dumps(row.data) for row in work.public_events.rows)


@pytest.mark.parametrize("table", [OF_SERVER, OF_STATE, OF_TEMPLATE])
def test_what_is_told_stands_in_the_catalogue(table: dict[object, str]) -> None:
    assert set(table.values()) <= set(public.CATALOGUE)


def test_every_state_and_phase_is_told_or_was_before_anything_happened() -> None:
    assert set(State) - set(OF_STATE) == {State.QUEUED}
    assert set(Phase) - set(OF_SERVER) - set(OF_TEMPLATE) == {Phase.REQUESTED}
