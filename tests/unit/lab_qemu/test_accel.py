import json
from dataclasses import replace
from pathlib import Path

import pytest

from proxmox_lab.guests.qemu import probe
from proxmox_lab.guests.qemu.accel import Accel, HostFacts, decide
from proxmox_lab.guests.qemu.probe import Accelerator
from proxmox_lab.guests.qemu.process import Done
from proxmox_lab.template.built import Template

GOOD = HostFacts(kvm_opens=True, cpu_flags=frozenset({"sse4_2", "vmx"}), kvm_is_pvm=False)
TEMPLATE = Template(directory=Path("/t"), digest="d", suite="trixie", kernel_version="6.12")


@pytest.mark.parametrize(
    ("facts", "accel", "reason"),
    [
        (replace(GOOD, kvm_opens=False), Accel.TCG, "cannot be opened"),
        (replace(GOOD, kvm_is_pvm=True), Accel.TCG, "kvm_pvm"),
        (replace(GOOD, cpu_flags=frozenset({"sse4_2"})), Accel.TCG, "neither vmx nor svm"),
        (GOOD, None, "looks usable"),
        (replace(GOOD, cpu_flags=frozenset({"svm"})), None, "looks usable"),
    ],
)
def test_facts_rule_kvm_out_before_anything_is_tried(
    facts: HostFacts, accel: Accel | None, reason: str
) -> None:
    decision = decide(facts)

    assert decision.accel is accel
    assert reason in decision.reason


@pytest.mark.parametrize("override", ["kvm", "tcg"])
def test_the_override_wins_over_all_facts(override: str) -> None:
    assert decide(replace(GOOD, kvm_is_pvm=True), override=override).accel == override


class Probes:
    """Stands in for this machine: facts that call for a probe, and the probe's outcome."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, *, works: bool) -> None:
        self.count = 0
        self.works = works
        monkeypatch.setattr(probe, "host_facts", lambda: GOOD)
        monkeypatch.setattr(probe, "works", self.probe)
        monkeypatch.setattr(probe, "run", self.version)

    async def probe(self, accel: Accel, template: Template) -> bool:
        self.count += 1
        return self.works

    async def version(self, *command: str) -> Done:
        return Done(code=0, out=b"QEMU 7.2", err=b"")


@pytest.mark.parametrize(("works", "accel"), [(True, Accel.KVM), (False, Accel.TCG)])
async def test_a_probe_decides_and_is_not_repeated_by_one_lab(
    works: bool, accel: Accel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    probes = Probes(monkeypatch, works=works)
    accelerator = Accelerator(TEMPLATE, tmp_path / "accel.json")

    chosen = [await accelerator.choose() for _ in range(3)]

    assert chosen == [accel] * 3
    assert probes.count == 1


@pytest.mark.parametrize(("works", "probed"), [(True, 1), (False, 2)])
async def test_the_next_lab_believes_a_success_and_tries_a_failure_again(
    works: bool, probed: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    probes = Probes(monkeypatch, works=works)

    for _ in range(2):
        await Accelerator(TEMPLATE, tmp_path / "accel.json").choose()

    assert probes.count == probed


async def test_another_template_is_probed_afresh(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    probes = Probes(monkeypatch, works=True)
    cache = tmp_path / "accel.json"

    await Accelerator(TEMPLATE, cache).choose()
    await Accelerator(replace(TEMPLATE, digest="other"), cache).choose()

    assert probes.count == 2
    assert len(json.loads(cache.read_text())) == 2


async def test_an_unreadable_cache_is_as_good_as_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    probes = Probes(monkeypatch, works=True)
    cache = tmp_path / "accel.json"
    cache.write_text("{half")

    assert await Accelerator(TEMPLATE, cache).choose() is Accel.KVM
    assert probes.count == 1
