"""Which accelerator runs guests here: KVM only where it was seen to work, else translation.

/dev/kvm may be there and yet not run a stock kernel. So facts rule it out first, and then a
kernel is booted with the very processor that guests get.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Final


class Accel(StrEnum):
    """The ways QEMU can run a guest."""

    KVM = "kvm"
    TCG = "tcg"


@dataclass(frozen=True, slots=True, kw_only=True)
class HostFacts:
    """What can be known without starting anything."""

    kvm_opens: bool
    cpu_flags: frozenset[str]
    kvm_is_pvm: bool  # page-table virtualisation: it has been seen to run no stock kernel


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """An accelerator and why; ``accel`` None: only a probe can tell."""

    accel: Accel | None
    reason: str


# First rule that holds decides.
_RULES: Final[Sequence[tuple[Callable[[HostFacts], bool], str]]] = (
    (lambda facts: not facts.kvm_opens, "/dev/kvm cannot be opened"),
    (lambda facts: facts.kvm_is_pvm, "this KVM is kvm_pvm, which runs no stock kernel"),
    (
        lambda facts: not facts.cpu_flags & {"vmx", "svm"},
        "the processor shows neither vmx nor svm",
    ),
)


def decide(facts: HostFacts, *, override: str = "") -> Decision:
    """Decide from facts alone; the override wins."""
    if override:
        return Decision(accel=Accel(override), reason="LAB_ACCEL says so")
    for rules_out, reason in _RULES:
        if rules_out(facts):
            return Decision(accel=Accel.TCG, reason=reason)
    return Decision(accel=None, reason="KVM looks usable")


def host_facts() -> HostFacts:
    """Look at this machine."""
    return HostFacts(
        kvm_opens=_opens(Path("/dev/kvm")),
        cpu_flags=_cpu_flags(Path("/proc/cpuinfo")),
        kvm_is_pvm=Path("/sys/module/kvm_pvm").exists(),
    )


def _opens(device: Path) -> bool:
    try:
        with device.open("r+b", buffering=0):
            return True
    except OSError:
        return False


def _cpu_flags(path: Path) -> frozenset[str]:
    try:
        lines = path.read_text().splitlines()
    except OSError:
        return frozenset()
    flags = next((line for line in lines if line.startswith("flags")), "")
    return frozenset(flags.partition(":")[2].split())
