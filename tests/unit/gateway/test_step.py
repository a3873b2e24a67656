"""Steps: whatever order their facts come in, they never move backwards."""

import itertools
import random
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.contracts.events import StepChanged
from gateway.domain.kind import WEIGHTS, Kind
from gateway.domain.step import Step, StepState, current_step, fold_step, planned, share_done
from tests.fakes.gateway import MOMENT


def changed(
    state: str, *, second: int, progress: float | None = None, attempt: int = 1, step: str = "clone"
) -> StepChanged:
    return StepChanged.model_validate(
        {
            "server_id": "srv_1", "operation_id": "op_1", "step": step, "state": state,
            "attempt": attempt, "progress": progress, "time": MOMENT + timedelta(seconds=second),
        }
    )  # fmt: skip


def folded(*events: StepChanged) -> dict[str, Step]:
    steps = planned(Kind.DEPLOY)
    for event in events:
        steps = fold_step(steps, event)
    return {step.name: step for step in steps}


STORY = (
    changed("running", second=1),
    changed("running", second=2, progress=0.3),
    changed("running", second=3, progress=0.9),
    changed("succeeded", second=4),
)


@pytest.mark.parametrize("order", list(itertools.permutations(STORY)))
def test_a_step_is_the_same_in_the_end_whatever_the_order(order: tuple[StepChanged, ...]) -> None:
    step = folded(*order)["clone"]

    assert step.state is StepState.SUCCEEDED
    assert step.progress == 1
    assert step.started_at == MOMENT + timedelta(seconds=1)
    assert step.ended_at == MOMENT + timedelta(seconds=4)


@given(st.lists(st.sampled_from(STORY), max_size=8), st.randoms())
def test_progress_never_falls(events: list[StepChanged], chance: random.Random) -> None:
    chance.shuffle(events)
    steps, before = planned(Kind.DEPLOY), 0.0
    for event in events:
        steps = fold_step(steps, event)
        now = share_done(Kind.DEPLOY, steps)
        assert now >= before
        before = now


def test_a_new_attempt_begins_the_step_again_and_an_old_one_is_forgotten() -> None:
    again = folded(
        changed("failed", second=1),
        changed("running", second=5, attempt=2),
        changed("succeeded", second=2),
    )["clone"]

    assert (again.state, again.attempt, again.ended_at) == (StepState.RUNNING, 2, None)


def test_a_step_that_is_not_planned_is_shown_after_the_others() -> None:
    steps = folded(changed("running", second=1, step="destroy"))

    assert list(steps) == [*WEIGHTS[Kind.DEPLOY], "destroy"]


def test_the_current_step_is_the_one_that_runs() -> None:
    events = (changed("succeeded", second=1), changed("running", second=2, step="resize"))

    assert current_step(list(folded(*events).values())) == "resize"
    assert current_step(list(folded(events[0]).values())) == "clone"
    assert current_step(planned(Kind.DEPLOY)) is None


def test_progress_counts_steps_by_their_weight() -> None:
    steps = folded(changed("succeeded", second=1))

    all_of_it = sum(WEIGHTS[Kind.DEPLOY].values())
    assert share_done(Kind.DEPLOY, list(steps.values())) == pytest.approx(
        WEIGHTS[Kind.DEPLOY]["clone"] / all_of_it, abs=1e-4
    )
