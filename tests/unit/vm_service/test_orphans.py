"""Whose a VM is and what may be done with it, as a table; decoys are never an orphan."""

from dataclasses import replace
from datetime import timedelta
from itertools import product

import pytest

from tests.fakes.sweeper import machine, mark
from tests.fakes.vm_service import INSTALL, START
from vm_service.domain.machine import Machine
from vm_service.domain.orphans import (
    RULINGS,
    Claim,
    Finding,
    Life,
    Proof,
    Record,
    Ruling,
    finding,
    life_of,
    worth_a_look,
)
from vm_service.domain.ownership import Sighting
from vm_service.domain.program import Kind, Stage
from vm_service.domain.sweep import FIRST_PAUSE, LONGEST_PAUSE, Tried, may_try, report, told
from vm_service.domain.vm import Listed

VMID = 900_001


def record(server_id: str, life: Life, *, vmid: int = VMID) -> Record:
    return Record(server_id=server_id, vmid=vmid, node="pve", life=life, since=START)


def judged(
    description: str = "",
    *records: Record,
    lock: str | None = None,
    hidden: bool = False,
    template: bool = False,
) -> Finding:
    return finding(
        ("pve", VMID),
        Sighting(node="pve", description=description, lock=lock, hidden=hidden),
        listed=Listed(vmid=VMID, node="pve", template=template),
        records=records,
        install=INSTALL,
    )


def test_every_case_has_its_ruling():
    assert RULINGS.keys() == set(product(Claim, Proof))


def test_only_what_is_marked_and_unlocked_is_ever_deleted():
    deleted = {case for case, ruling in RULINGS.items() if ruling is Ruling.DELETE}

    assert deleted == {(Claim.GONE, Proof.MARKED), (Claim.NOTHING, Proof.MARKED)}


GONE, LIVING = record("srv_1", Life.GONE), record("srv_1", Life.LIVING)
TABLE = {
    "ours, and its server is gone": (judged(mark("srv_1"), GONE), Ruling.DELETE),
    "ours, and nothing is known of it": (judged(mark("srv_1")), Ruling.DELETE),
    "with the ports in a second line": (judged(mark("srv_1") + "\nports: udp/1"), Ruling.DELETE),
    "a living server's": (judged(mark("srv_1"), LIVING), Ruling.EXPLAINED),
    "reserved by a living server, no mark yet": (judged("", LIVING), Ruling.EXPLAINED),
    "of a deployment that failed": (
        judged(mark("srv_1"), record("srv_1", Life.ABANDONED)),
        Ruling.RESUME,
    ),
    "no mark": (judged(), Ruling.FOREIGN),
    "no mark, on an id that was ours": (judged("a web server", GONE), Ruling.FOREIGN),
    "another install's mark": (judged(mark("srv_1", install="other")), Ruling.FOREIGN),
    "another install's, on an id that was ours": (
        judged(mark("srv_1", install="other"), GONE),
        Ruling.FOREIGN,
    ),
    "an install whose name begins like ours": (
        judged(mark("srv_1", install=f"{INSTALL}-2")),
        Ruling.FOREIGN,
    ),
    "a mark that is not the first line": (judged("web\n" + mark("srv_1")), Ruling.FOREIGN),
    "a mark within a line": (judged("was " + mark("srv_1")), Ruling.FOREIGN),
    "a mark with a part too few": (judged(f"spawnyard:{INSTALL}:srv_1"), Ruling.FOREIGN),
    "a mark with a part too many": (judged(mark("srv_1") + ":x"), Ruling.FOREIGN),
    "a mark in capitals": (judged(mark("srv_1").upper()), Ruling.FOREIGN),
    "a mark and a blank": (judged(mark("srv_1") + " "), Ruling.FOREIGN),
    "a copy of a living server's VM": (
        judged(mark("srv_1"), record("srv_1", Life.LIVING, vmid=VMID + 1)),
        Ruling.FOREIGN,
    ),
    "a copy of a VM that is gone": (
        judged(mark("srv_1"), record("srv_1", Life.GONE, vmid=VMID + 1)),
        Ruling.FOREIGN,
    ),
    "with the name that every installation has by default": (
        finding(
            ("pve", VMID),
            Sighting(node="pve", description=mark("srv_1", install="spawnyard")),
            listed=None,
            records=(),
            install="spawnyard",
        ),
        Ruling.FOREIGN,
    ),
    "a template, even one with our mark": (judged(mark("srv_1"), template=True), Ruling.FOREIGN),
    "a template of ours whose removal was refused": (
        judged(mark("srv_1"), record("srv_1", Life.BLOCKED), template=True),
        Ruling.RESUME,
    ),
    "what has become a template of others'": (
        judged("mine now", record("srv_1", Life.BLOCKED), template=True),
        Ruling.BLOCKED,
    ),
    "a template of ours that is locked": (
        judged(mark("srv_1"), record("srv_1", Life.BLOCKED), template=True, lock="backup"),
        Ruling.BLOCKED,
    ),
    "hidden from our token": (judged(hidden=True), Ruling.FOREIGN),
    "half a clone on an id we reserved": (judged("", GONE, lock="clone"), Ruling.BLOCKED),
    "half a clone that nobody reserved": (judged("", lock="clone"), Ruling.FOREIGN),
    "half a clone with somebody's name": (judged("web", GONE, lock="clone"), Ruling.FOREIGN),
    "ours and locked": (judged(mark("srv_1"), lock="backup"), Ruling.BLOCKED),
}


@pytest.mark.parametrize("case", TABLE)
def test_a_vm_is_judged_by_all_three_proofs(case: str):
    found, ruling = TABLE[case]

    assert found.ruling is ruling


def test_a_living_machine_explains_whatever_is_under_its_id():
    found = judged(mark("srv_2"), GONE, record("srv_3", Life.LIVING))

    assert found.ruling is Ruling.EXPLAINED


@pytest.mark.parametrize(
    ("row", "life"),
    [
        (machine("srv_1", VMID, Stage.READY), Life.LIVING),
        (machine("srv_1", VMID, Stage.FAILED), Life.ABANDONED),
        (machine("srv_1", VMID, Stage.FAILED, keep=True), Life.LIVING),
        (machine("srv_1", VMID, Stage.FAILED, kind=Kind.RESIZE), Life.LIVING),
        (machine("srv_1", VMID, Stage.OBSERVED, kind=Kind.OBSERVE), Life.LIVING),
        (machine("srv_1", VMID, Stage.BLOCKED, keep=True), Life.BLOCKED),
        (machine("srv_1", VMID, Stage.GONE, keep=True), Life.GONE),
    ],
)
def test_what_was_kept_as_asked_counts_as_living(row: Machine, life: Life):
    assert life_of(row) is life


def test_what_is_explained_is_not_even_looked_at():
    listed = [Listed(vmid=VMID, node="pve"), Listed(vmid=VMID + 1, node="pve2")]
    blocked = record("srv_2", Life.BLOCKED, vmid=VMID + 2)

    assert worth_a_look(listed, [LIVING, blocked]) == [("pve2", VMID + 1), ("pve", VMID + 2)]


def test_a_removal_that_was_refused_is_tried_less_and_less_often_but_at_least_hourly():
    once, often = Tried(times=1, last=START), Tried(times=99, last=START)

    assert may_try(None, at=START)
    assert not may_try(once, at=START + FIRST_PAUSE - timedelta(seconds=1))
    assert may_try(once, at=START + FIRST_PAUSE)
    assert not may_try(often, at=START + LONGEST_PAUSE - timedelta(seconds=1))
    assert may_try(often, at=START + LONGEST_PAUSE)


def test_what_cannot_be_removed_comes_with_the_exact_command():
    orphan = told(judged("", GONE, lock="clone"), ripe=True)

    assert orphan.verdict == "cleanup_blocked"
    assert orphan.command == f"qm unlock {VMID} && qm destroy {VMID}"


def test_a_broken_clone_that_our_token_cannot_see_comes_with_the_command_too():
    why = replace(record("srv_1", Life.BLOCKED), failure="the clone was broken off")

    orphan = told(judged("", why, hidden=True), ripe=True)

    assert orphan.verdict == "cleanup_blocked"
    assert orphan.command == f"qm unlock {VMID} && qm destroy {VMID}"
    assert f"look first: qm config {VMID}" in orphan.reason


@pytest.mark.parametrize("records", [(), (GONE,)])
def test_a_template_of_ours_that_nobody_remembers_is_left_and_not_said_to_lack_our_mark(
    records: tuple[Record, ...],
):
    orphan = told(judged(mark("srv_1"), *records, template=True), ripe=True)

    assert (orphan.verdict, orphan.command) == ("foreign_vm", None)
    assert "template" in orphan.reason
    assert "does not carry" not in orphan.reason


def test_of_a_template_that_was_taken_away_here_and_is_there_all_the_same_that_is_said():
    unknown = told(judged(mark("srv_1"), template=True), ripe=True)
    removed = told(judged(mark("srv_1"), GONE, template=True), ripe=True)

    assert "knows nothing of" in unknown.reason
    assert "knows nothing of" not in removed.reason
    assert "is gone" in removed.reason


def test_nobody_is_told_to_destroy_a_template_on_which_disks_of_servers_may_rest():
    why = replace(
        record("srv_1", Life.BLOCKED), failure="still in use", remedy="remove the clones first"
    )

    orphan = told(judged(mark("srv_1"), why, template=True), ripe=True)

    assert (orphan.verdict, orphan.command) == ("cleanup_blocked", None)
    assert orphan.reason == "still in use; remove the clones first"


def test_nobody_is_told_to_destroy_what_took_the_place_of_a_vm_of_ours():
    why = replace(
        record("srv_1", Life.BLOCKED), failure="it no longer carries our mark", remedy="put it back"
    )

    orphan = told(judged("somebody else's", why), ripe=True)

    assert (orphan.verdict, orphan.command) == ("cleanup_blocked", None)
    assert orphan.reason == "it no longer carries our mark; put it back"


def test_a_report_puts_strangers_last_and_stays_small():
    foreign, blocked = told(judged(), ripe=True), told(judged("", GONE, lock="clone"), ripe=True)

    said = report([foreign] * 500 + [blocked], at=START, dry_run=False, halted=False)

    assert said.orphans[0] == blocked
    assert (len(said.orphans), said.more) == (400, 101)
    assert len(said.model_dump_json()) < 200_000
