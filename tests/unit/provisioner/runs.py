"""Runs of the provisioner, to their end."""

from provisioner.handlers import on_event
from provisioner.work import work_on
from tests.fakes.provisioner import SERVER, FakeProvisioner, vm_ready


async def finish(world: FakeProvisioner) -> None:
    """Work until the run has come to its end."""
    await work_on(SERVER, work=world, tools=world.tools)


async def once_deployed() -> FakeProvisioner:
    """A server that was deployed, and runs; nothing is said of that any more."""
    world = FakeProvisioner()
    await on_event(vm_ready(), work=world)
    await finish(world)
    world.outbox.messages.clear()
    world.playbooks.plays.clear()
    return world
