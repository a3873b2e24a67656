"""Faults strike what they were told to strike, as often as they were told."""

import pytest
from pydantic import ValidationError

from proxmox_lab.faults import FaultRule, Faults


def test_a_fault_strikes_only_its_method_and_path() -> None:
    faults = Faults()
    faults.add(FaultRule(action="answer", method="POST", path="/clone$"))

    assert faults.striking("POST", "/api2/json/nodes/pve/qemu/9000/clone")
    assert not faults.striking("GET", "/api2/json/nodes/pve/qemu/9000/clone")
    assert not faults.striking("POST", "/api2/json/nodes/pve/qemu/9000/config")


def test_a_counted_fault_runs_out() -> None:
    faults = Faults()
    fault = faults.add(FaultRule(action="drop", count=2))

    struck = [bool(faults.striking("GET", "/x")) for _ in range(4)]

    assert struck == [True, True, False, False]
    assert fault.hits == 2


def test_the_same_seed_strikes_the_same_requests() -> None:
    def run() -> list[bool]:
        faults = Faults()
        faults.add(FaultRule(action="answer", probability=0.5, seed=7))
        return [bool(faults.striking("GET", "/x")) for _ in range(50)]

    assert run() == run()
    assert 0 < sum(run()) < 50


def test_a_removed_fault_strikes_no_more() -> None:
    faults = Faults()
    kept = faults.add(FaultRule(action="delay", seconds=1))
    gone = faults.add(FaultRule(action="answer"))

    faults.remove(gone.id)

    assert faults.striking("GET", "/x") == [kept.rule]
    faults.remove(None)
    assert faults.all() == []


def test_a_rule_with_an_unknown_word_is_refused() -> None:
    with pytest.raises(ValidationError):
        FaultRule.model_validate({"action": "answer", "pathh": "/x"})
