"""Every pair of every table is named here: what a pair means, or that it means nothing."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.contracts import events as evt
from gateway.domain import phase as ph
from gateway.domain.errors import PhaseForbids, ServerDeleted
from gateway.domain.failure import DeadlinePassed
from gateway.domain.kind import CHANGES, TIME_GIVEN, Kind
from gateway.domain.operation import Operation, advance, takes
from gateway.domain.phase import BEGINS, NEXT_PHASE, Phase
from gateway.domain.server import Server, actions, begin
from gateway.domain.step import StepState, planned
from gateway.domain.transitions import (
    ENDED,
    NEXT_STATE,
    CancelAsked,
    Overtaken,
    State,
    Trigger,
    heard_as,
    next_state,
)
from tests.fakes.gateway import MOMENT
from tests.unit.gateway.facts import (
    BLOCKED,
    NOT_BACK,
    READY,
    RESTORED,
    SEALED,
    SERVER_FAILED,
    SPEC,
    STEP,
    VM_DELETED,
    VM_READY,
    VM_STOPPED,
    VM_TEMPLATED,
    vm_failed,
    vm_observed,
)

TRIGGERS: Final[Mapping[str, Trigger]] = {
    "step": STEP,
    "vm ready": VM_READY,
    "ready": READY,
    "stopped": VM_STOPPED,
    "observed": vm_observed("running"),
    "vm failed": vm_failed("running"),
    "failed": SERVER_FAILED,
    "deleted": VM_DELETED,
    "blocked": BLOCKED,
    "restored": RESTORED,
    "sealed": SEALED,
    "templated": VM_TEMPLATED,
    "not back": NOT_BACK,
    "deadline": DeadlinePassed(),
    "cancel": CancelAsked(),
    "overtaken": Overtaken("op_2"),
}

# From queued and running alike. What is not named changes nothing.
DEPLOY: Final = {
    "step": "running", "vm ready": "running", "ready": "succeeded",
    "vm failed": "failing", "failed": "failing", "deadline": "failing", "cancel": "cancelling",
}  # fmt: skip
BAKE: Final = {
    "step": "running", "vm ready": "running", "sealed": "running", "templated": "succeeded",
    "vm failed": "failing", "failed": "failing", "deadline": "failing", "cancel": "cancelling",
}  # fmt: skip
DELETE: Final = {
    "step": "running", "deleted": "succeeded", "blocked": "failed", "deadline": "failed",
}  # fmt: skip
KILL: Final = {
    "step": "running", "stopped": "succeeded", "vm failed": "failed", "deadline": "failed",
}  # fmt: skip
STOP: Final = {**KILL, "cancel": "cancelling", "overtaken": "cancelled"}
START: Final = {
    "step": "running", "vm ready": "running", "ready": "succeeded",
    "vm failed": "failed", "failed": "failed", "deadline": "failed",
    "cancel": "cancelling", "overtaken": "cancelled",
}  # fmt: skip
RESHAPE: Final = {**START, "stopped": "succeeded"}
UPDATE: Final = {**START, "failed": "failing", "deadline": "failing"}
UNDER_WAY: Final[Mapping[Kind, Mapping[str, str]]] = {
    Kind.DEPLOY: DEPLOY,
    Kind.DELETE: DELETE,
    Kind.START: START,
    Kind.STOP: STOP,
    Kind.RESTART: START,
    Kind.KILL: KILL,
    Kind.RESIZE: RESHAPE,
    Kind.RECONFIGURE: RESHAPE,
    Kind.UPDATE: UPDATE,
    Kind.BAKE: BAKE,
}
LET_GO: Final = [kind for kind in CHANGES if kind not in {Kind.KILL, Kind.UPDATE}]
LETTING_GO: Final = {
    "step": "cancelling", "cancel": "cancelling", "observed": "cancelled",
    "overtaken": "cancelled", "deadline": "failed",
}  # fmt: skip
GOING_BACK: Final[Mapping[tuple[Kind, State], Mapping[str, str]]] = {
    **{
        (kind, State.FAILING): {
            "step": "failing", "cancel": "failing",
            "deleted": "failed", "blocked": "failed", "deadline": "failed",
        }
        for kind in (Kind.DEPLOY, Kind.BAKE)
    },
    **{
        (kind, State.CANCELLING): {
            "step": "cancelling", "cancel": "cancelling",
            "deleted": "cancelled", "blocked": "failed", "deadline": "failed",
        }
        for kind in (Kind.DEPLOY, Kind.BAKE)
    },
    **{(kind, State.CANCELLING): LETTING_GO for kind in LET_GO},
    (Kind.UPDATE, State.FAILING): {
        "step": "failing", "vm ready": "failing", "cancel": "failing",
        "restored": "failed", "not back": "failed", "deadline": "failed", "overtaken": "failed",
    },
    (Kind.UPDATE, State.CANCELLING): {
        "step": "cancelling", "vm ready": "cancelling", "cancel": "cancelling",
        "restored": "cancelled", "not back": "failed", "deadline": "failed",
        "overtaken": "cancelled",
    },
}  # fmt: skip


def operation(kind: Kind, state: State = State.QUEUED, *, is_off: bool = False) -> Operation:
    return Operation(
        id="op_1",
        kind=kind,
        server_id="srv_1",
        owner_id="usr_1",
        spec=SPEC,
        created_at=MOMENT,
        heard_at=MOMENT,
        deadline=MOMENT + TIME_GIVEN[kind],
        state=state,
        steps=planned(kind, is_off=is_off),
        is_off=is_off,
    )


def expected(kind: Kind, state: State) -> Mapping[str, str]:
    if state in (State.QUEUED, State.RUNNING):
        return UNDER_WAY[kind]
    return GOING_BACK.get((kind, state), {})


@pytest.mark.parametrize("kind", Kind)
@pytest.mark.parametrize("state", State)
def test_each_state_takes_what_is_named_here_and_nothing_else(kind: Kind, state: State) -> None:
    found = {
        name: str(next_state(kind, state, trigger))
        for name, trigger in TRIGGERS.items()
        if takes(operation(kind, state), trigger)
    }

    assert found == expected(kind, state)


def test_the_tables_hold_no_trigger_that_is_not_named_here() -> None:
    known = {heard_as(trigger) for trigger in TRIGGERS.values()}

    assert {trigger for table in NEXT_STATE.values() for _, trigger in table} == known


def test_every_kind_has_a_time_and_steps() -> None:
    assert set(TIME_GIVEN) == set(NEXT_STATE) == set(Kind)
    assert all(planned(kind) for kind in Kind)


@given(
    st.sampled_from(list(Kind)),
    st.booleans(),
    st.lists(
        st.tuples(st.sampled_from(list(TRIGGERS.values())), st.integers(0, 3 * 86_400)), max_size=9
    ),
)
def test_whatever_is_heard_an_operation_ends_by_its_time_and_stays_ended(
    kind: Kind, is_off: bool, heard: list[tuple[Trigger, int]]
) -> None:
    current = operation(kind, is_off=is_off)
    for trigger, seconds in sorted(heard, key=lambda pair: pair[1]):
        at = MOMENT + timedelta(seconds=seconds)
        while not current.has_ended and current.ends_by <= at:  # as the reconciler does
            current = advance(current, DeadlinePassed(), at=current.ends_by)
        after = advance(current, trigger, at=at)
        assert not current.has_ended or after == current
        current = after
    for _ in range(2):  # once for the work, once for the way back
        current = advance(current, DeadlinePassed(), at=current.ends_by)

    assert current.has_ended
    assert current.finished_at is not None
    assert (current.failure is not None) == (current.state is State.FAILED)
    assert all(step.state is not StepState.RUNNING for step in current.steps)


@pytest.mark.parametrize("kind", LET_GO)
def test_a_change_that_is_called_off_is_given_minutes_and_then_fails(kind: Kind) -> None:
    asked = advance(operation(kind), CancelAsked(), at=MOMENT)
    again = advance(asked, CancelAsked(), at=MOMENT + timedelta(minutes=4))
    late = advance(again, DeadlinePassed(), at=again.ends_by)

    assert again.ends_by == MOMENT + timedelta(minutes=5)
    assert (late.state, late.failure and late.failure.code) == (State.FAILED, "cancel_overdue")


def test_a_step_nothing_called_for_is_told_as_skipped() -> None:
    started = advance(operation(Kind.START), READY, at=MOMENT)
    off = advance(operation(Kind.RECONFIGURE), VM_STOPPED, at=MOMENT)

    states = {step.name: step.state for step in started.steps}
    assert {states.pop("resolve"), states.pop("playbook")} == {StepState.SKIPPED}
    assert set(states.values()) == {StepState.SUCCEEDED}
    assert {step.name for step in off.steps if step.state is StepState.SUCCEEDED} == {"configure"}
    assert started.progress == off.progress == 1


def test_a_server_that_is_off_gets_its_new_shape_in_fewer_steps() -> None:
    resize = operation(Kind.RESIZE, is_off=True)

    assert [step.name for step in resize.steps] == ["configure", "resize"]
    assert advance(resize, VM_STOPPED, at=MOMENT).as_accepted() == resize


# Phases -------------------------------------------------------------------------------------


def server(phase: Phase, *, has_vm: bool = True) -> Server:
    return Server(
        id="srv_1", owner_id="usr_1", spec=SPEC, operation_id="op_0",
        created_at=MOMENT, updated_at=MOMENT, phase=phase, has_vm=has_vm,
    )  # fmt: skip


IN_CHANGE: Final = ("kill", "delete")
ACTIONS: Final[Mapping[Phase, tuple[str, ...]]] = {
    Phase.REQUESTED: (),
    Phase.PROVISIONING: (),
    Phase.RUNNING: ("stop", "restart", "kill", "resize", "reconfigure", "update", "delete"),
    Phase.STOPPED: ("start", "resize", "reconfigure", "delete"),
    Phase.STARTING: IN_CHANGE,
    Phase.STOPPING: IN_CHANGE,
    Phase.RESTARTING: IN_CHANGE,
    Phase.CHANGING: IN_CHANGE,
    Phase.TEMPLATE: ("delete",),
    Phase.FAILED: ("start", "stop", "restart", "kill", "reconfigure", "delete"),
    Phase.DELETING: (),
    Phase.DELETED: (),
}


@pytest.mark.parametrize("phase", Phase)
def test_each_phase_allows_what_is_named_here_and_nothing_else(phase: Phase) -> None:
    assert sorted(actions(server(phase))) == sorted(ACTIONS[phase])


def test_a_failed_server_without_a_vm_can_only_go() -> None:
    assert actions(server(Phase.FAILED, has_vm=False)) == [Kind.DELETE]


@pytest.mark.parametrize("phase", Phase)
@pytest.mark.parametrize("kind", BEGINS)
def test_what_a_phase_does_not_allow_is_refused_with_a_way_out(kind: Kind, phase: Phase) -> None:
    if kind in ACTIONS[phase]:
        assert begin(server(phase), operation(kind)).phase is BEGINS[kind][phase]
        return

    with pytest.raises((PhaseForbids, ServerDeleted)) as refused:
        begin(server(phase), operation(kind))

    assert str(phase) in refused.value.detail
    assert refused.value.remedy or phase is Phase.DELETED


HAPPENINGS: Final = {
    "vm ready": evt.VMReady,
    "ready": evt.ServerReady,
    "restored": evt.ServerRestored,
    "stopped": evt.VMStopped,
    "templated": evt.VMTemplated,
    "deleted": evt.VMDeleted,
    "deployment failed": ph.DeploymentFailed,
    "deployment cancelled": ph.DeploymentCancelled,
    "removal failed": ph.RemovalFailed,
    "left running": ph.LeftRunning,
    "left stopped": ph.LeftStopped,
    "left broken": ph.LeftBroken,
}
LEFT: Final = {"left running": "running", "left stopped": "stopped", "left broken": "failed"}
PHASES: Final[Mapping[Phase, Mapping[str, str]]] = {
    Phase.REQUESTED: {
        "vm ready": "provisioning", "ready": "running", "templated": "template",
        "deployment failed": "failed", "deployment cancelled": "deleted",
    },
    Phase.PROVISIONING: {
        "ready": "running", "templated": "template",
        "deployment failed": "failed", "deployment cancelled": "deleted",
    },
    Phase.RUNNING: {},
    Phase.STOPPED: {},
    Phase.STARTING: {"ready": "running", **LEFT},
    Phase.STOPPING: {"stopped": "stopped", **LEFT},
    Phase.RESTARTING: {"ready": "running", **LEFT},
    Phase.CHANGING: {
        "ready": "running", "restored": "running", "stopped": "stopped", **LEFT,
    },
    Phase.TEMPLATE: {},
    Phase.FAILED: {"deleted": "deleted"},
    Phase.DELETING: {"deleted": "deleted", "removal failed": "failed"},
    Phase.DELETED: {},
}  # fmt: skip


@pytest.mark.parametrize("phase", Phase)
def test_each_phase_is_left_by_what_is_named_here_and_nothing_else(phase: Phase) -> None:
    found = {
        name: str(NEXT_PHASE[phase, kind])
        for name, kind in HAPPENINGS.items()
        if (phase, kind) in NEXT_PHASE
    }

    assert found == PHASES[phase]
    assert {kind for _, kind in NEXT_PHASE} == set(HAPPENINGS.values())


def test_no_state_or_phase_is_forgotten() -> None:
    reached = {state for table in NEXT_STATE.values() for state in table.values()}
    begun = {phase for phases in BEGINS.values() for phase in phases.values()}

    assert reached | {State.QUEUED} == set(State)
    assert not {state for table in NEXT_STATE.values() for state, _ in table} & ENDED
    assert {Phase.REQUESTED, *NEXT_PHASE.values(), *begun} == set(Phase)
