"""The tables of operations and servers, tested as tables, and the fold, in any order."""

from collections.abc import Sequence
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.contracts import events as evt
from common.contracts.base import Event
from common.contracts.servers import TaskTiming
from gateway.domain import phase as phases
from gateway.domain import server as servers
from gateway.domain.failure import DeadlinePassed
from gateway.domain.kind import Kind
from gateway.domain.operation import Operation, advance
from gateway.domain.phase import Phase
from gateway.domain.server import Server
from gateway.domain.step import StepState, planned
from gateway.domain.transitions import ENDED, NEXT_STATE, CancelAsked, Overtaken, State, Trigger
from tests.fakes.gateway import MOMENT
from tests.unit.gateway.facts import (
    ABOUT,
    BLOCKED,
    NOT_BACK,
    READY,
    RESTORED,
    SERVER_FAILED,
    SPEC,
    VM_DELETED,
    VM_FAILED,
    VM_READY,
    VM_STOPPED,
    vm_observed,
)


def changed(step: str, state: str, *, after: float = 0, **more: object) -> evt.StepChanged:
    return evt.StepChanged.model_validate(
        {**ABOUT, "step": step, "state": state, "time": MOMENT + timedelta(seconds=after), **more}
    )


TRIGGERS: Sequence[Trigger] = (
    changed("clone", "running"),
    changed("clone", "succeeded"),
    changed("stop", "running"),
    changed("new", "failed"),
    VM_READY,
    VM_FAILED,
    VM_DELETED,
    BLOCKED,
    READY,
    SERVER_FAILED,
    VM_STOPPED,
    RESTORED,
    NOT_BACK,
    vm_observed("running"),
    Overtaken("op_2"),
    CancelAsked(),
    DeadlinePassed(),
)


def operation(kind: Kind = Kind.DEPLOY, *, keep: bool = False) -> Operation:
    return Operation(
        id="op_1",
        kind=kind,
        server_id="srv_1",
        owner_id="usr_1",
        spec=SPEC.model_copy(update={"keep_on_failure": keep}),
        created_at=MOMENT,
        heard_at=MOMENT,
        deadline=MOMENT + timedelta(minutes=45),
        steps=planned(kind),
    )


def folded(start: Operation, *triggers: Trigger) -> Operation:
    for trigger in triggers:
        start = advance(start, trigger, at=MOMENT)
    return start


def server(phase: Phase = Phase.REQUESTED) -> Server:
    return Server(
        id="srv_1", owner_id="usr_1", spec=SPEC, operation_id="op_1",
        created_at=MOMENT, updated_at=MOMENT, phase=phase,
    )  # fmt: skip


@pytest.mark.parametrize("kind", Kind)
def test_every_state_of_a_kind_can_be_left_for_a_terminal_one(kind: Kind) -> None:
    table = NEXT_STATE[kind]
    living = {state for state, _ in table}

    for state in living:
        reachable = {state}
        while True:
            more = {after for (before, _), after in table.items() if before in reachable}
            if more <= reachable:
                break
            reachable |= more
        assert reachable & ENDED


@pytest.mark.parametrize("kind", Kind)
def test_every_living_state_ends_when_its_time_is_up(kind: Kind) -> None:
    table = NEXT_STATE[kind]

    assert {state for state, _ in table} == {
        state for state, trigger in table if trigger is DeadlinePassed
    }


@given(st.sampled_from(list(Kind)), st.booleans(), st.lists(st.sampled_from(TRIGGERS), max_size=9))
def test_no_order_of_facts_leaves_a_terminal_state(
    kind: Kind, keep: bool, triggers: list[Trigger]
) -> None:
    current = operation(kind, keep=keep)
    for trigger in triggers:
        after = advance(current, trigger, at=MOMENT)
        if current.has_ended:
            assert after == current
        assert after.has_ended == (after.finished_at is not None)
        assert not after.has_ended or all(s.state is not StepState.RUNNING for s in after.steps)
        assert (after.failure is not None) or after.state not in (State.FAILED, State.FAILING)
        assert 0 <= after.progress <= 1
        current = after


@given(st.lists(st.sampled_from(TRIGGERS[:-1]), max_size=9))
def test_folding_everything_twice_is_folding_it_once(triggers: list[Trigger]) -> None:
    once = folded(operation(), *triggers)
    twice = folded(operation(), *(t for trigger in triggers for t in (trigger, trigger)))

    assert once == twice


def test_a_deployment_succeeds() -> None:
    done = folded(operation(), changed("clone", "running"), VM_READY, READY)

    assert done.state is State.SUCCEEDED
    assert done.progress == 1
    assert {step.state for step in done.steps} == {StepState.SUCCEEDED}


def test_a_result_that_overtakes_everything_still_counts() -> None:
    assert folded(operation(), READY).state is State.SUCCEEDED


def test_a_failure_takes_the_vm_back_before_it_ends() -> None:
    failing = folded(operation(), changed("clone", "running"), VM_FAILED)
    failed = folded(failing, changed("destroy", "running"), VM_DELETED)

    assert failing.state is State.FAILING
    assert failed.state is State.FAILED
    assert failed.failure is not None
    assert failed.failure.code == "vm_failed"
    assert failed.failure.step == "clone"
    assert failed.failure.remedy == "add space"
    assert {s.name: s.state for s in failed.steps}["clone"] is StepState.FAILED


def test_a_failure_without_a_remedy_gets_one() -> None:
    failing = folded(operation(), SERVER_FAILED)

    assert failing.failure is not None
    assert failing.failure.remedy
    assert failing.failure.last_lines == ("fatal: x",)


def test_a_vm_that_is_to_be_kept_is_kept() -> None:
    assert folded(operation(keep=True), SERVER_FAILED).state is State.FAILED
    assert folded(operation(keep=True), CancelAsked(), VM_DELETED).state is State.CANCELLED


def test_the_first_failure_is_the_one_remembered() -> None:
    failing = folded(operation(), VM_FAILED, SERVER_FAILED, DeadlinePassed())

    assert failing.failure is not None
    assert failing.failure.code == "removal_overdue"
    assert "no space" in failing.failure.detail


def test_a_removal_that_is_blocked_says_which_command_helps() -> None:
    failed = folded(operation(), CancelAsked(), BLOCKED)

    assert failed.state is State.FAILED
    assert failed.failure is not None
    assert failed.failure.remedy == "qm unlock 9"


def test_news_of_a_vm_does_not_stop_a_cancellation() -> None:
    cancelling = folded(operation(), CancelAsked(), VM_READY, READY, VM_FAILED)

    assert cancelling.state is State.CANCELLING
    assert folded(cancelling, VM_DELETED).state is State.CANCELLED


def test_taking_back_is_given_more_time_than_bringing_up() -> None:
    start = operation()

    assert start.ends_by == start.deadline
    assert folded(start, CancelAsked()).ends_by > start.deadline


def test_asking_again_is_answered_as_the_first_time() -> None:
    start = operation()

    assert folded(start, VM_READY, timed(READY)).as_accepted() == start


TASKS = (TaskTiming(task="Install", seconds=1.5, changed=True),)


def timed(fact: Event) -> Event:
    return fact.model_copy(update={"timings": TASKS})


@pytest.mark.parametrize("outcome", [READY, SERVER_FAILED])
def test_how_long_each_task_took_is_kept_whatever_comes_after(outcome: Event) -> None:
    ended = folded(operation(), VM_READY, timed(outcome), VM_DELETED, outcome)

    assert ended.has_ended
    assert ended.tasks == TASKS


HAPPENINGS = [
    VM_READY,
    READY,
    VM_STOPPED,
    VM_DELETED,
    phases.DeploymentFailed(),
    phases.DeploymentCancelled(),
    phases.RemovalFailed(),
    phases.LeftRunning(),
]


@given(st.lists(st.sampled_from(HAPPENINGS), max_size=8))
def test_no_order_of_happenings_brings_a_deleted_server_back(
    happenings: list[Event | phases.Outcome],
) -> None:
    current = server()
    for happening in happenings:
        after = servers.advance(current, happening, at=MOMENT)
        if current.phase is Phase.DELETED:
            assert after == current
        current = after


def test_a_server_that_is_ready_knows_how_it_is_reached() -> None:
    running = servers.advance(server(), READY, at=MOMENT)

    assert running.phase is Phase.RUNNING
    assert (running.host, running.connect, running.versions) == ("h", "h:1", {"game": "5"})
