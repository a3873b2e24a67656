"""The life of a run as a table."""

from hypothesis import given
from hypothesis import strategies as st

from provisioner.domain.heard import on_cancel, on_ready, on_removal, on_rollback
from provisioner.domain.run import (
    NEXT_STAGE,
    SETTLED,
    STEP,
    Run,
    Stage,
)
from tests.fakes.provisioner import OPERATION, SERVER, cancel, removal, rollback, vm_ready


def test_every_stage_is_reached_and_none_leaves_the_end():
    reached = {Stage.WAITING, *NEXT_STAGE.values(), Stage.FAILED, Stage.CANCELLED}

    assert reached == set(Stage)
    assert not SETTLED & NEXT_STAGE.keys()
    assert STEP.keys() == set(NEXT_STAGE) - {Stage.WAITING}


def test_a_step_taken_up_again_counts_its_attempts_and_the_next_one_starts_anew():
    run = on_ready(None, vm_ready())
    assert run is not None

    again = run.begun().begun()

    assert (again.stage, again.attempt) == (Stage.CONNECTING, 2)
    assert again.advanced().begun().attempt == 1


def test_a_removal_that_overtakes_its_request_leaves_a_tombstone():
    tombstone = on_removal(None, removal())

    assert tombstone is not None
    assert on_ready(tombstone, vm_ready()) is None


def test_a_newer_operation_starts_anew_where_an_older_one_was_cancelled():
    cancelled = Run(server_id=SERVER, operation_id=OPERATION, vm=None, stage=Stage.CANCELLED)

    started = on_ready(cancelled, vm_ready(operation_id="op_6"))

    assert started is not None
    assert started.stage is Stage.WAITING


def test_what_is_older_than_what_is_known_changes_nothing():
    known = on_ready(None, vm_ready())

    assert on_ready(known, vm_ready(operation_id="op_4")) is None
    assert on_removal(known, removal(operation_id="op_4")) is None


HEARD = {
    "ready": (on_ready, vm_ready),
    "removal": (on_removal, removal),
    "cancel": (on_cancel, cancel),
    "rollback": (on_rollback, rollback),
}


@given(st.lists(st.tuples(st.sampled_from([*HEARD]), st.sampled_from(["op_1", "op_2", "op_3"]))))
def test_in_any_order_of_events_an_operation_taken_back_never_comes_back(
    heard: list[tuple[str, str]],
):
    run: Run | None = None
    taken_back = ""
    for what, operation in heard:
        take_in, event = HEARD[what]
        run = take_in(run, event(operation_id=operation)) or run  # type: ignore[operator]
        if what != "ready":
            taken_back = max(taken_back, operation)
        assert run is not None
        assert run.stage is Stage.CANCELLED or run.operation_id > taken_back
