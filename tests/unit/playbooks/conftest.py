"""The simulated machine that playbooks are tried on."""

import os
from collections.abc import AsyncGenerator
from dataclasses import replace

import pytest

from proxmox_lab.guests.simulated.system.jobs import halt_units
from tests.unit.lab_guests.conftest import Bench, bench

__all__ = ["bench"]


@pytest.fixture
async def hall(bench: Bench) -> AsyncGenerator[Bench]:
    """A machine on a loopback address of its own: tests of other processes open the same ports."""
    machine = bench.machine
    host = f"127.{21 + os.getpid() % 8}.{os.getpid() // 8 % 250}.9"
    machine.hardware = replace(machine.hardware, loopback=host)
    yield bench
    await halt_units(machine)
