"""Faults strike what they were told to strike, as often as they were told, the same every time."""

from typing import Any

import pytest

from proxmox_lab.faults import FaultRule, Faults
from proxmox_lab.faults.faults import Occasion
from proxmox_lab.faults.presets import PRESETS
from proxmox_lab.faults.reading import RuleRefused, read_rule
from proxmox_lab.faults.rule import Scope


def request(verb: str, path: str, *machines: int) -> Occasion:
    return Occasion(scope=Scope.REQUEST, verb=verb, path=path, node="pve", machines=machines)


ASK = request("GET", "/x")


def test_a_fault_strikes_only_its_method_path_machine_and_node() -> None:
    faults = Faults()
    faults.add(FaultRule(action="answer", method="POST", path="/clone$", machine=9000, node="pve"))

    assert faults.striking(request("POST", "/api2/json/nodes/pve/qemu/9000/clone", 9000, 900001))
    assert not faults.striking(request("GET", "/api2/json/nodes/pve/qemu/9000/clone", 9000))
    assert not faults.striking(request("POST", "/api2/json/nodes/pve/qemu/9000/config", 9000))
    assert not faults.striking(request("POST", "/api2/json/nodes/pve/qemu/9001/clone", 9001))
    elsewhere = Occasion(scope=Scope.REQUEST, verb="POST", path="/clone", node="pve2")
    assert not faults.striking(elsewhere)


def test_a_counted_fault_runs_out() -> None:
    faults = Faults()
    fault = faults.add(FaultRule(action="drop", count=2))

    struck = [bool(faults.striking(ASK)) for _ in range(4)]

    assert struck == [True, True, False, False]
    assert fault.hits == 2


def test_a_fault_lets_the_first_ones_pass_when_told_so() -> None:
    faults = Faults()
    faults.add(FaultRule(action="drop", after=2, count=1))

    assert [bool(faults.striking(ASK)) for _ in range(5)] == [False, False, True, False, False]


def test_a_fault_ends_when_its_time_is_up_counted_from_its_first_strike() -> None:
    now = 100.0
    faults = Faults(lambda: now)
    fault = faults.add(FaultRule(action="answer", lasts=30, after=1))
    faults.striking(ASK)
    now = 500.0
    assert faults.striking(ASK)

    now = 529.0
    assert faults.striking(ASK)
    now = 530.0
    assert not faults.striking(ASK)
    assert fault.is_over


def test_the_same_seed_strikes_the_same_requests() -> None:
    def run(seed: int) -> list[bool]:
        faults = Faults()
        faults.add(FaultRule(action="answer", probability=0.5, seed=seed))
        return [bool(faults.striking(ASK)) for _ in range(50)]

    assert run(7) == run(7)
    assert run(7) != run(8)
    assert 0 < sum(run(7)) < 50


def test_what_befalls_a_machine_does_not_depend_on_when_the_others_come() -> None:
    def run(order: list[int]) -> dict[int, list[bool]]:
        faults = Faults()
        faults.add(FaultRule(action="answer", probability=0.5, seed=3))
        struck: dict[int, list[bool]] = {1: [], 2: []}
        for vmid in order:
            struck[vmid].append(bool(faults.striking(request("GET", "/", vmid))))
        return struck

    assert run([1, 2] * 20) == run([1] * 20 + [2] * 20)


def test_the_dice_choose_among_several_statuses_and_do_so_again() -> None:
    def run() -> list[int]:
        faults = Faults()
        faults.add(FaultRule(action="answer", statuses=(500, 503, 596)))
        return [faults.striking(ASK)[0].status for _ in range(30)]

    assert run() == run()
    assert set(run()) == {500, 503, 596}


def test_a_removed_fault_strikes_no_more() -> None:
    faults = Faults()
    kept = faults.add(FaultRule(action="delay", seconds=1))
    gone = faults.add(FaultRule(action="answer"))

    assert faults.remove(gone.id) == 1

    assert [strike.rule for strike in faults.striking(ASK)] == [kept.rule]
    assert faults.remove(None) == 1
    assert faults.all() == []
    assert faults.remove(gone.id) == 0


def test_machine_and_node_are_filled_into_a_reason() -> None:
    faults = Faults()
    faults.add(read_rule({"preset": "lock-timeout"}))

    strike = faults.striking(request("PUT", "/nodes/pve/qemu/900001/config", 900001))[0]

    assert strike.filled(strike.rule.reason or "") == (
        "can't lock file '/var/lock/qemu-server/lock-900001.conf' - got timeout"
    )


@pytest.mark.parametrize("name", PRESETS)
def test_every_preset_is_a_sound_rule(name: str) -> None:
    rule = read_rule({"preset": name, "count": 3, "seed": 5})

    assert (rule.count, rule.seed) == (3, 5)


@pytest.mark.parametrize(
    ("given", "field", "why"),
    [
        ({"action": "answer", "pathh": "/x"}, "pathh", "there is no such field"),
        ({"action": "drop", "text": "x"}, "text", "means nothing to the action 'drop'"),
        ({"action": "answer", "probability": 1.5}, "probability", "less than or equal to 1"),
        ({"action": "answer", "path": "("}, "path", "not a regular expression"),
        ({"action": "answer", "status": 200}, "status", "greater than or equal to 400"),
        ({"action": "explode"}, "action", "is not one of: answer"),
        ({"count": 1}, "action", "is missing"),
        ({"preset": "lock"}, "preset", "is not one of: lock-timeout"),
        ({"action": "deny"}, "privilege", "is missing"),
        ({"preset": "drop", "count": 0}, "preset", "is not one of"),
        ({"preset": "html", "count": 0}, "count", "greater than or equal to 1"),
    ],
)
def test_a_rule_that_makes_no_sense_is_refused_with_its_field(
    given: dict[str, Any], field: str, why: str
) -> None:
    with pytest.raises(RuleRefused) as refused:
        read_rule(given)

    assert why in refused.value.fields[field]
