"""Mercy for a node that does not answer."""

from vm_service.domain.breaker import FAILURES, MOST_RETRIES, Breaker, RetryBudget


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def failed(times: int, clock: Clock) -> Breaker:
    breaker = Breaker(clock=clock, chance=lambda: 1.0)
    for _ in range(times):
        breaker.enter()
        breaker.fail()
    return breaker


def test_a_few_failures_do_not_keep_anybody_out():
    assert failed(FAILURES - 1, Clock()).rest() == 0


def test_many_in_a_row_do_for_a_second():
    clock = Clock()
    breaker = failed(FAILURES, clock)

    assert breaker.rest() == 1.0
    clock.now = 1.0
    assert breaker.rest() == 0


def test_an_answer_in_between_begins_the_count_anew():
    breaker = failed(FAILURES - 1, Clock())
    breaker.succeed()
    breaker.fail()

    assert breaker.rest() == 0


def test_one_goes_ahead_and_the_others_wait_for_him():
    clock = Clock()
    breaker = failed(FAILURES, clock)
    clock.now = 2.0

    assert breaker.rest() == 0
    breaker.enter()
    assert breaker.rest() > 0
    breaker.succeed()
    assert breaker.rest() == 0


def test_one_who_went_ahead_and_gave_up_waiting_does_not_close_the_way_for_ever():
    clock = Clock()
    breaker = failed(FAILURES, clock)
    clock.now = 2.0
    breaker.enter()
    breaker.let_go()

    assert breaker.rest() == 0


def test_each_failure_doubles_the_rest_up_to_half_a_minute():
    clock, rests = Clock(), list[float]()
    breaker = failed(FAILURES, clock)
    for _ in range(7):
        rests.append(breaker.rest())
        clock.now += 60
        breaker.enter()
        breaker.fail()

    assert rests == [1, 2, 4, 8, 16, 30, 30]


def test_retries_are_rationed_by_the_first_calls():
    budget = RetryBudget()

    assert sum(budget.spend() for _ in range(100)) == MOST_RETRIES
    for _ in range(8):
        budget.earn()
    assert sum(budget.spend() for _ in range(100)) == 2
