"""What the kernel says of a stack's processes: memory they hold, time they took."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from yard_cli.stack.session import RunningSite

TICKS: Final = os.sysconf("SC_CLK_TCK")


def pids(stack: RunningSite) -> Mapping[str, int]:
    """Return the pid of each process of the stack."""
    keepers = (keeper for one in stack.supervisors for keeper in one.keepers)
    return {keeper.spec.name: keeper.pid for keeper in keepers if keeper.pid is not None}


def resident(pid: int) -> float:
    """Return a process's resident set in MiB."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return round(int(line.split()[1]) / 1024, 1)
    return 0.0


def processor(pid: int) -> float:
    """Return the seconds of processor time a process took, with those of its ended children."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return sum(map(int, fields[11:15])) / TICKS


def memory_of(stack: RunningSite) -> Mapping[str, float]:
    """Return what each process of the stack holds, in MiB."""
    return {name: resident(pid) for name, pid in pids(stack).items()}


def processor_of(stack: RunningSite) -> Mapping[str, float]:
    """Return the processor time each process of the stack has taken, in seconds."""
    return {name: processor(pid) for name, pid in pids(stack).items()}
