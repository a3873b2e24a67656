"""The sweeper at work: what is nobody's goes, in its own time; nothing else is touched."""

from dataclasses import replace
from datetime import timedelta

import pytest

from common.contracts.orphans import SweepWish
from tests.fakes.sweeper import AGE, RANGE, FakeYard, machine, mark, verdicts
from tests.fakes.vm_service import SPEC, START, Killed
from vm_service.domain.placement import Place
from vm_service.domain.program import Stage
from vm_service.domain.trouble import Trouble, Verdict

MINUTE = timedelta(minutes=1)
READY = Stage.READY
BAKE = SPEC.model_copy(update={"purpose": "template"})


@pytest.fixture
def yard() -> FakeYard:
    return FakeYard()


def some_orphans(yard: FakeYard, count: int) -> None:
    for number in range(count):
        yard.vm(900_010 + number, mark(f"srv_lost_{number}"), running=True)


async def test_a_vm_that_nothing_is_known_of_is_removed_once_it_was_seen_for_long(yard: FakeYard):
    yard.vm(900_001, mark("srv_1"), running=True)

    early = await yard.sweep()
    yard.pass_(AGE - MINUTE)
    still = await yard.sweep()
    yard.pass_(MINUTE)
    late = await yard.sweep()

    assert [verdicts(said)[900_001] for said in (early, still, late)] == [
        *("waiting", "waiting", "deleted")
    ]
    assert yard.cluster.vms == {}


async def test_one_sighting_is_not_enough_however_long_its_server_is_gone(yard: FakeYard):
    yard.row(machine("srv_1", 900_001, Stage.GONE))
    yard.pass_(10 * AGE)
    yard.vm(900_001, mark("srv_1"))

    assert verdicts(await yard.sweep()) == {900_001: "waiting"}


async def test_its_server_must_have_been_gone_for_long(yard: FakeYard):
    yard.row(machine("srv_1", 900_001, Stage.GONE))
    yard.vm(900_001, mark("srv_1"))
    await yard.sweep()
    yard.pass_(AGE)
    yard.ledger.since["srv_1"] = START + AGE - MINUTE

    assert verdicts(await yard.sweep()) == {900_001: "waiting"}


async def test_what_has_changed_since_the_last_sweep_is_seen_for_the_first_time(yard: FakeYard):
    yard.vm(900_001, mark("srv_1"))
    await yard.sweep()
    yard.pass_(AGE)
    yard.vm(900_001, mark("srv_2"))

    assert verdicts(await yard.sweep()) == {900_001: "waiting"}


async def test_no_decoy_is_touched(yard: FakeYard):
    yard.row(
        machine("srv_living", 900_001, Stage.READY),
        machine("srv_kept", 900_002, Stage.FAILED, keep=True),
        machine("srv_gone", 900_003, Stage.GONE),
        machine("srv_half", 900_004, Stage.GONE),
        # A row that somebody has tampered with.
        machine("srv_out", RANGE.stop, Stage.BLOCKED),
        machine("srv_out_2", RANGE.stop + 1, Stage.FAILED),
    )
    yard.vm(100, mark("srv_nobody"))
    yard.vm(RANGE.start - 1, mark("srv_nobody"))
    yard.vm(RANGE.stop, mark("srv_out"))
    yard.vm(RANGE.stop + 1, mark("srv_out_2"))
    yard.vm(900_001, mark("srv_living"), running=True)
    yard.vm(900_002, mark("srv_kept"))
    yard.vm(900_003, "somebody else's by now", running=True)
    yard.vm(900_004, lock="clone")
    yard.vm(900_005, lock="clone")
    yard.vm(900_006)
    yard.vm(900_007, mark("srv_nobody", install="other"))
    yard.vm(900_008, "was " + mark("srv_nobody"))
    yard.vm(900_009, mark("srv_nobody"))
    yard.vm(900_010, mark("srv_living"))
    yard.cluster.templates.add(900_009)
    before = yard.seen(), dict(yard.memory.machines.rows)

    report = await yard.sweep_twice()

    assert (yard.seen(), yard.memory.machines.rows) == before
    assert set(yard.cluster.calls) <= {"inventory", "look"}
    assert verdicts(report) == {
        900_003: "foreign_vm",
        900_004: "cleanup_blocked",
        900_005: "foreign_vm",
        900_006: "foreign_vm",
        900_007: "foreign_vm",
        900_008: "foreign_vm",
        900_009: "foreign_vm",
        900_010: "foreign_vm",
    }


async def test_a_vm_that_changes_right_before_its_removal_is_left_alone(yard: FakeYard):
    yard.vm(900_001, mark("srv_1"), running=True)
    await yard.sweep()
    yard.pass_(AGE)

    def rename(call: str) -> None:
        if call == "power":
            yard.cluster.vms[900_001].description = "mine now"

    yard.cluster.before = rename
    said = await yard.sweep()

    assert 900_001 in yard.cluster.vms
    assert verdicts(said) == {900_001: "waiting"}


async def test_a_server_that_comes_to_life_right_before_the_removal_keeps_its_vm(yard: FakeYard):
    yard.vm(900_001, mark("srv_1"))
    await yard.sweep()
    yard.pass_(AGE)
    looks = 0

    def remember(call: str) -> None:
        nonlocal looks
        looks += call == "look"
        if looks > 1:
            yard.row(machine("srv_1", 900_001, Stage.READY))

    yard.cluster.before = remember
    await yard.sweep()

    assert 900_001 in yard.cluster.vms


async def test_f34_more_orphans_than_the_cap_are_all_left_and_nothing_goes_on_by_itself(
    yard: FakeYard, caplog: pytest.LogCaptureFixture
):
    # F34: a database restored from an old backup knows nothing of living servers.
    some_orphans(yard, 6)

    report = await yard.sweep_twice()
    assert (report.halted, set(verdicts(report).values())) == (True, {"to_delete"})
    assert "an operator" in caplog.text

    del yard.cluster.vms[900_010]  # five are left, and still nothing goes by itself
    yard.pass_(MINUTE)
    assert (await yard.sweep()).halted
    assert len(yard.cluster.vms) == 5


async def test_an_operator_who_names_a_cap_lets_it_go_on(yard: FakeYard):
    some_orphans(yard, 6)
    await yard.sweep_twice()

    too_low = await yard.sweep(SweepWish(dry_run=False, cap=5))
    assert (too_low.halted, len(yard.cluster.vms)) == (True, 6)

    report = await yard.sweep(SweepWish(dry_run=False, cap=6))
    assert (report.halted, set(verdicts(report).values())) == (False, {"deleted"})
    assert yard.cluster.vms == {}


async def test_as_many_as_the_cap_are_removed(yard: FakeYard):
    some_orphans(yard, 5)

    await yard.sweep_twice()

    assert yard.cluster.vms == {}


@pytest.mark.parametrize("by", ["rules", "wish"])
async def test_a_dry_run_touches_nothing_and_says_what_would_go(yard: FakeYard, by: str):
    some_orphans(yard, 2)
    yard.rules = replace(yard.rules, dry_run=by == "rules")
    wish = SweepWish(dry_run=True) if by == "wish" else None
    await yard.sweep(wish)
    yard.pass_(AGE)

    report = await yard.sweep(wish)

    assert (report.dry_run, report.deletable, len(yard.cluster.vms)) == (True, 2, 2)
    assert "stop" not in yard.cluster.calls


async def test_a_clone_left_by_a_dead_worker_is_told_with_the_command_that_helps(yard: FakeYard):
    # F25: no API token can unlock it.
    yard.row(machine("srv_1", 900_001, Stage.GONE))
    yard.vm(900_001, lock="clone")

    [orphan] = (await yard.sweep_twice()).orphans

    assert orphan.verdict == "cleanup_blocked"
    assert orphan.command == "qm unlock 900001 && qm destroy 900001"


async def test_a_removal_that_proxmox_refuses_is_told_and_not_tried_each_minute(yard: FakeYard):
    yard.vm(900_001, mark("srv_1"))

    def refuse(call: str) -> None:
        if call == "destroy":
            raise Trouble(Verdict.REFUSED, "can't remove VM 900001 - protection mode enabled")

    yard.cluster.before = refuse
    [orphan] = (await yard.sweep_twice()).orphans
    for _ in range(9):
        yard.pass_(MINUTE)
        await yard.sweep()

    assert orphan.verdict == "cleanup_blocked"
    assert orphan.command == "qm set 900001 --protection 0 && qm destroy 900001"
    assert yard.cluster.calls.count("destroy") == 1
    yard.pass_(MINUTE)
    await yard.sweep()
    assert yard.cluster.calls.count("destroy") == 2


async def test_a_deployment_that_failed_and_was_forgotten_is_taken_back(yard: FakeYard):
    yard.row(machine("srv_1", 900_001, Stage.FAILED))
    yard.vm(900_001, mark("srv_1"))

    await yard.sweep_twice()

    assert yard.memory.machines.rows["srv_1"].stage is not Stage.FAILED
    assert "destroy" not in yard.cluster.calls  # that is the worker's part


class TestBlocked:
    """Removals that Proxmox has refused."""

    @pytest.fixture
    def yard(self) -> FakeYard:
        yard = FakeYard()
        yard.row(machine("srv_1", 900_001, Stage.BLOCKED))
        yard.vm(900_001, lock="clone")
        return yard

    def is_taken_up(self, yard: FakeYard) -> bool:
        return yard.memory.machines.rows["srv_1"].stage is not Stage.BLOCKED

    async def test_it_stays_so_and_is_told_while_nothing_changes(self, yard: FakeYard):
        for _ in range(100):
            await yard.sweep()
            yard.pass_(MINUTE)

        [orphan] = (await yard.sweep()).orphans
        assert (orphan.verdict, orphan.reason) == ("cleanup_blocked", "refused")
        assert not self.is_taken_up(yard)

    async def test_once_the_command_was_run_the_removal_comes_to_its_end(self, yard: FakeYard):
        await yard.sweep()
        del yard.cluster.vms[900_001]

        report = await yard.sweep()

        assert self.is_taken_up(yard)
        assert report.orphans == ()

    async def test_once_it_is_unlocked_the_removal_is_taken_up(self, yard: FakeYard):
        await yard.sweep()
        yard.vm(900_001, mark("srv_1"))

        await yard.sweep()

        assert self.is_taken_up(yard)

    async def test_once_the_token_may_again_the_removal_is_taken_up(self, yard: FakeYard):
        # F28: what was refused for want of a privilege is tried again by and by.
        yard.vm(900_001, mark("srv_1"))
        await yard.sweep()
        assert not self.is_taken_up(yard)

        yard.pass_(10 * MINUTE)
        await yard.sweep()

        assert self.is_taken_up(yard)

    async def test_a_halt_does_not_hold_up_what_was_asked_for(self, yard: FakeYard):
        some_orphans(yard, 6)
        await yard.sweep_twice()
        del yard.cluster.vms[900_001]

        report = await yard.sweep()

        assert report.halted
        assert self.is_taken_up(yard)


class TestABlockedTemplate:
    """A removal that Proxmox has refused since disks of servers rest on it."""

    @pytest.fixture
    def yard(self) -> FakeYard:
        yard = FakeYard()
        template, clone = machine("srv_t", 900_001, Stage.BLOCKED), machine("srv_1", 900_002, READY)
        home = Place(node="pve", template=900_001, template_node="pve")
        yard.row(replace(template, spec=BAKE), replace(clone, home=home))
        yard.vm(900_001, mark("srv_t"))
        yard.vm(900_002, mark("srv_1"), running=True)
        yard.cluster.templates.add(900_001)
        return yard

    async def test_it_is_left_alone_while_a_server_rests_on_it(self, yard: FakeYard):
        for _ in range(24):
            await yard.sweep()
            yard.pass_(60 * MINUTE)

        assert verdicts(await yard.sweep()) == {900_001: "cleanup_blocked"}
        assert yard.memory.machines.rows["srv_t"].stage is Stage.BLOCKED

    async def test_once_the_last_of_them_is_gone_the_removal_is_taken_up(self, yard: FakeYard):
        await yard.sweep()
        clone = yard.memory.machines.rows["srv_1"]
        yard.row(replace(clone, stage=Stage.GONE))
        del yard.cluster.vms[900_002]
        yard.pass_(60 * MINUTE)

        await yard.sweep()

        assert yard.memory.machines.rows["srv_t"].stage is not Stage.BLOCKED


async def ripe() -> FakeYard:
    yard = FakeYard()
    yard.vm(900_001, mark("srv_1"), running=True)
    await yard.sweep()
    yard.pass_(AGE)
    yard.cluster.calls.clear()
    return yard


async def test_cut_anywhere_the_next_sweep_heals_it():
    uncut = await ripe()
    await uncut.sweep()
    assert len(uncut.cluster.calls) > 10

    for point in range(1, len(uncut.cluster.calls) + 1):
        yard = await ripe()

        def cut(_: str, *, at: int = point, yard: FakeYard = yard) -> None:
            if len(yard.cluster.calls) == at:
                raise Killed

        yard.cluster.before = cut
        with pytest.raises(Killed):
            await yard.sweep()
        yard.cluster.before = lambda _: None
        await yard.sweep()

        assert yard.cluster.vms == {}, point


async def test_who_has_lost_the_lease_removes_nothing(yard: FakeYard):
    yard.vm(900_001, mark("srv_1"), running=True)
    await yard.sweep()
    yard.pass_(AGE)

    def lost() -> None:
        raise Killed

    yard.memory.fence = lost
    with pytest.raises(Killed):
        await yard.sweep()

    assert yard.cluster.vms[900_001].running
