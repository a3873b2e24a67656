"""The simulated machine that playbooks are tried on."""

import os
from collections.abc import AsyncGenerator
from dataclasses import replace

import pytest

from proxmox_lab.guests.simulated.system.jobs import halt_units
from tests.unit.lab_guests.conftest import Bench, bench
from tests.unit.playbooks.stand_in import teach

__all__ = ["bench"]


@pytest.fixture(autouse=True)
def known_to_the_lab(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder's program has a stand-in, whether or not the lab has a row for it."""
    if "folder" in request.fixturenames:
        teach(monkeypatch, request.getfixturevalue("folder"))


@pytest.fixture
async def hall(bench: Bench) -> AsyncGenerator[Bench]:
    """A machine on a loopback address of its own: tests of other processes open the same ports."""
    machine = bench.machine
    host = f"127.{21 + os.getpid() % 8}.{os.getpid() // 8 % 250}.9"
    machine.hardware = replace(machine.hardware, loopback=host)
    yield bench
    await halt_units(machine)
