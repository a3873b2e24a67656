"""What most tests of machines begin with."""

from datetime import timedelta

import pytest

from tests.fakes.vm_service import SPEC, START, FakeWorld
from vm_service.domain.machine import planned
from vm_service.handlers.worker import work_on_machine


@pytest.fixture
async def world() -> FakeWorld:
    """Return a world with one server that runs, as it was deployed, for a minute."""
    world = FakeWorld()
    world.machines["srv_1"] = planned(
        server_id="srv_1", operation_id="op_1", spec=SPEC, deadline=START + timedelta(days=1)
    )
    await work_on_machine("srv_1", work=world.memory, tools=world.tools)
    world.time.seconds += 60
    world.memory.outbox.messages.clear()
    world.hypervisor.calls.clear()
    return world
