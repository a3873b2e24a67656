"""What a real Proxmox said in 1,752 recorded exchanges, asked of the lab again."""

import asyncio
from collections import Counter
from pathlib import Path

import pytest

from proxmox_lab.replay.command import summary
from proxmox_lab.replay.player import Verdict, play
from proxmox_lab.replay.records import read

pytestmark = pytest.mark.timeout(180)
RECORDS = Path(__file__).parent / "data" / "recordings.jsonl.gz"
FLOOR = 0.97
PIPELINE = "flow"  # the product's own way through the API, recorded with its own client


@pytest.fixture(scope="module")
def verdicts() -> list[Verdict]:
    return asyncio.run(play(read(RECORDS)))


def test_the_lab_answers_as_the_real_one_did(
    verdicts: list[Verdict], capsys: pytest.CaptureFixture[str]
) -> None:
    share = sum(verdict.match for verdict in verdicts) / len(verdicts)

    with capsys.disabled():
        print("\n" + "".join(summary(verdicts)))  # noqa: T201 (a report is the point)

    missed = [f"{v.source}/{v.id} {v.note}: {v.why}" for v in verdicts if not v.match]
    assert share >= FLOOR, "\n".join(missed)


def test_the_pipelines_own_calls_are_answered_without_one_difference(
    verdicts: list[Verdict],
) -> None:
    flow = [verdict for verdict in verdicts if verdict.source == PIPELINE]

    assert Counter(verdict.pve for verdict in flow) == {"8.4.21": 28, "9.2.11": 32}
    assert [(v.id, v.why) for v in flow if not v.match] == []
