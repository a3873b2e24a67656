"""What is remembered of a playbook run is what matters, and never endless."""

from hypothesis import given
from hypothesis import strategies as st

from common.contracts.logs import LogLine
from provisioner.domain.play import TaskEvent, plain
from provisioner.domain.trace import MOST_OUTPUT, MOST_TIMINGS, Trace


def line(text: str, *, key: str = "playbook:1:7") -> LogLine:
    return LogLine(key=key, text=text)


def test_tasks_that_ran_are_timed_in_their_order():
    trace = Trace()

    for number, kind in enumerate(("started", "changed", "ok", "skipped", "failed")):
        event = {"counter": number, "kind": kind, "task": kind, "seconds": number}
        trace.note(TaskEvent.model_validate(event))

    assert [(t.task, t.seconds, t.changed) for t in trace.timings] == [
        ("changed", 1, True),
        ("ok", 2, False),
        ("failed", 4, False),
    ]
    assert trace.doing == "started"


def test_of_very_many_tasks_the_longest_are_kept():
    trace = Trace()

    for number in range(3 * MOST_TIMINGS):
        trace.note(TaskEvent(counter=number, kind="ok", task=f"t{number}", seconds=number))

    assert [t.task for t in trace.timings] == [
        f"t{n}" for n in range(2 * MOST_TIMINGS, 3 * MOST_TIMINGS)
    ]


def test_a_failure_that_is_ignored_is_not_the_run_s():
    trace = Trace()

    trace.note(TaskEvent(counter=1, kind="failed", task="Try", ignored=True))

    assert trace.failure is None


def test_beyond_its_bound_one_record_says_that_the_rest_is_not_kept():
    trace = Trace()
    texts = ["x" * 10_000] * (MOST_OUTPUT // 10_000 + 50)

    told = [trace.admitted(line(text, key=f"playbook:1:{n}")) for n, text in enumerate(texts)]

    kept = [one for one in told if one is not None]
    assert sum(len(one.text.encode()) for one in kept) <= MOST_OUTPUT
    assert [one.text[:10] for one in kept].count("truncated:") == 1
    assert kept[-1].text.startswith("truncated: this run said more than 20 MB")


def test_what_was_said_last_is_known_however_much_was_said_before():
    trace = Trace(left=0)

    trace.admitted(line("the last words"))

    assert list(trace.last) == ["the last words"]


@given(st.text(max_size=20), st.integers(0, 5_000))
def test_no_line_is_longer_than_16_kib(text: str, times: int):
    assert len(plain(text * times).encode()) <= 16_384
