"""Percentiles of delays are what they are called, and nothing that never came is left out."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.bench.delays import Delays, delays

seconds = st.lists(st.floats(0, 100), min_size=1, max_size=50)


@given(found=seconds, percent=st.floats(0, 100))
def test_so_many_arrived_within_it_and_fewer_within_less(
    found: list[float], percent: float
) -> None:
    told = Delays(sorted(found)).within(percent)

    share = 100 / len(found)
    assert sum(one <= told for one in found) * share >= percent - 1e-9
    assert told == min(found) or sum(one < told for one in found) * share < percent


def test_of_a_hundred_the_ninety_ninth_and_the_fiftieth_are_told() -> None:
    hundred = Delays([float(number) for number in range(1, 101)])

    assert (hundred.within(50), hundred.within(99), hundred.within(100)) == (50, 99, 100)


def test_each_receiver_counts_from_the_commit() -> None:
    committed = {"evt_1": 10.0, "evt_2": 20.0}

    found = delays(
        committed, [{"evt_1": 11.0, "evt_2": 24.0, "evt_0": 1.0}, {"evt_1": 12.0, "evt_2": 23.0}]
    )

    assert found.seconds == [1.0, 2.0, 3.0, 4.0]


@pytest.mark.parametrize("arrived", [[], [{"evt_1": 11.0}, {}]])
def test_what_did_not_arrive_is_an_error_and_no_figure(arrived: list[dict[str, float]]) -> None:
    with pytest.raises(ValueError, match=r"did not arrive|nothing to arrive"):
        delays({"evt_1": 10.0}, arrived)
