"""Every failure that a real Proxmox was ever recorded to give has a meaning somebody chose.

``data/failures.json`` holds them all, each with its verdict: HTTP refusals with their status,
and the last words of failed tasks without one.
"""

import contextlib
import gzip
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from vm_service.domain.texts import STATUSES, TEXTS
from vm_service.domain.trouble import Kind, Verdict, judge, row_of
from vm_service.domain.verdict import KINDS

Failure = tuple[int | None, str]

RECORDINGS = Path(__file__).parents[1] / "lab" / "data" / "recordings.jsonl.gz"
KNOWN: dict[Failure, Verdict] = {
    (one["status"], one["text"]): Verdict(one["means"])
    for one in json.loads((Path(__file__).parent / "data" / "failures.json").read_text())
}


def recorded() -> Iterator[Failure]:
    """Read the refusals and the failed tasks among the recorded exchanges."""
    with gzip.open(RECORDINGS, "rt") as lines:
        for line in lines:
            response = json.loads(line)["response"]
            body = response.get("json")
            body = body if isinstance(body, dict) else {}
            if response.get("status") and not 200 <= response["status"] < 300:
                yield response["status"], refusal(response, body)
            elif failed := last_words(body.get("data")):
                yield None, failed


def refusal(response: dict[str, Any], body: dict[str, Any]) -> str:
    """Put together what our client would see: the reason phrase and the wrong parameters."""
    text = response.get("reason") or ""
    with contextlib.suppress(UnicodeError):
        text = text.encode("latin-1").decode()
    if isinstance(body.get("errors"), dict):
        listed = (f"{name}: {str(wrong).strip()}" for name, wrong in body["errors"].items())
        text = f"{text.rstrip('. ')}: {'; '.join(listed)}"
    return text or "no reason given"


def last_words(task: Any) -> str | None:
    """Return what a task that failed ended with."""
    outcome = task.get("exitstatus") if isinstance(task, dict) else None
    fine = outcome is None or outcome == "OK" or outcome.startswith("WARNINGS")
    return None if fine else outcome


@pytest.mark.parametrize(("failure", "verdict"), KNOWN.items())
def test_a_recorded_failure_means_what_was_decided(failure: Failure, verdict: Verdict):
    status, text = failure

    assert judge(text, status=status).verdict is verdict
    assert row_of(text) is not None or status in STATUSES, "no row of the table speaks of it"


def test_no_recorded_failure_is_without_a_decision():
    assert {failure for failure in recorded() if failure not in KNOWN} == set()


def test_every_verdict_has_its_kind_and_the_recordings_hold_all_four():
    assert set(KINDS) == set(Verdict)
    assert {verdict.kind for verdict in KNOWN.values()} == set(Kind)


def test_what_people_have_to_do_is_said_for_what_is_refused():
    silent = {text for text, verdict, remedy in TEXTS if verdict.kind is Kind.REFUSE and not remedy}

    assert silent == set()
