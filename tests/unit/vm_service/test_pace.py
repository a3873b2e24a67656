"""A task's end is noticed soon, and without asking for it all the time."""

import pytest

from vm_service.domain.pace import EARLY, FINEST, LONGEST, SHARE, Pace

CLONE = "UPID:pve:000003F1:CCA75441:6B01AC5C:qmclone:9000:spawnyard@pve!yard:"
OTHER = "UPID:pve2:000003F1:CCA75441:6B01AC5C:qmclone:9000:spawnyard@pve!yard:"
START = "UPID:pve:000003F1:CCA75441:6B01AC5C:qmstart:900001:spawnyard@pve!yard:"


def looks(pace: Pace, upid: str, *, took: float) -> list[float]:
    """Return the ages at which a task that takes so long is looked at; the last sees its end."""
    ages = [0.0]
    while ages[-1] < took:
        ages.append(ages[-1] + pace.pause(upid, age=ages[-1]))
    pace.ended(upid, age=ages[-1])
    return ages


@pytest.mark.parametrize("took", [0.0005, 0.1, 0.5, 3.0, 30.0])
def test_an_end_is_noticed_within_a_small_share_of_its_time(took: float):
    pace = Pace()

    for _ in range(10):
        late = looks(pace, CLONE, took=took)[-1] - took

        assert late <= max(FINEST, took * SHARE * 1.1)


def test_one_of_a_known_kind_is_left_alone_until_it_may_be_done():
    pace = Pace()
    first = looks(pace, CLONE, took=2.0)

    second = looks(pace, CLONE, took=2.0)

    assert len(second) < len(first) / 5
    assert sum(age < first[-1] * EARLY for age in second) <= 7


def test_one_that_is_quicker_than_all_before_it_is_noticed_and_learnt_from():
    pace = Pace()
    looks(pace, CLONE, took=2.0)

    noticed = [looks(pace, CLONE, took=0.3)[-1] for _ in range(4)]

    assert noticed[0] < 0.6
    assert noticed[-1] < 0.33


def test_long_tasks_are_looked_at_for_their_progress():
    pace = Pace()
    looks(pace, CLONE, took=600.0)

    assert pace.pause(CLONE, age=10.0) == LONGEST


@pytest.mark.parametrize("other", [START, OTHER, "no upid"])
def test_nodes_and_kinds_are_told_apart(other: str):
    pace = Pace()
    looks(pace, CLONE, took=2.0)

    assert pace.pause(other, age=0.0) == FINEST
