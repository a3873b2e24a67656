"""The bound that makespans are held against is a bound, and is reached where it can be."""

import heapq

from hypothesis import given
from hypothesis import strategies as st

from tests.bench.ideal import Chain, shortest

seconds = st.floats(0.1, 10)
chains = st.lists(
    st.builds(Chain, clone=seconds, until_guest=seconds, in_guest=seconds), min_size=1, max_size=30
)


def scheduled(wanted: list[Chain], *, clones: int, runs: int) -> float:
    """First come, first served at both kinds of places: one schedule among many."""
    free = [0.0] * clones
    arrivals: list[tuple[float, Chain]] = []
    for chain in wanted:
        done = heapq.heappop(free) + chain.clone
        heapq.heappush(free, done)
        arrivals.append((done + chain.until_guest, chain))
    hands = [0.0] * runs
    end = 0.0
    for arrival, chain in sorted(arrivals, key=lambda pair: pair[0]):
        done = max(arrival, heapq.heappop(hands)) + chain.in_guest
        heapq.heappush(hands, done)
        end = max(end, done)
    return end


@given(wanted=chains, clones=st.integers(1, 5), runs=st.integers(1, 9))
def test_no_schedule_is_shorter(wanted: list[Chain], clones: int, runs: int) -> None:
    bound = shortest(wanted, clones_at_once=clones, runs_at_once=runs)

    assert scheduled(wanted, clones=clones, runs=runs) >= bound - 1e-9


def test_one_alone_needs_its_chain() -> None:
    alone = Chain(clone=1, until_guest=2, in_guest=3)

    assert shortest([alone], clones_at_once=4, runs_at_once=8) == 6


def test_equal_ones_fill_the_narrow_place() -> None:
    equal = [Chain(clone=1, until_guest=1, in_guest=4)] * 16

    assert shortest(equal, clones_at_once=4, runs_at_once=2) == 2 + 4 * 16 / 2
