"""Runs in no time."""

import pytest

from provisioner import patience, work
from provisioner.handlers import on_event
from tests.fakes.provisioner import FakeProvisioner, vm_ready


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody waits."""
    monkeypatch.setattr(patience, "PAUSE", 0.001)
    monkeypatch.setattr(work, "WATCH", 0.01)


@pytest.fixture
async def world() -> FakeProvisioner:
    """A server whose VM is ready, and nothing done in it yet."""
    world = FakeProvisioner()
    await on_event(vm_ready(), work=world)
    return world
