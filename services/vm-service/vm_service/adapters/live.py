"""The hypervisor that counts now: exchanged under way, while calls end where they began."""

from collections.abc import AsyncGenerator, Sequence
from collections.abc import Set as AbstractSet
from contextlib import asynccontextmanager
from datetime import datetime

from vm_service.adapters.lending import Lending
from vm_service.domain.figures import Figure, Usage
from vm_service.domain.ownership import Sighting
from vm_service.domain.placement import Place
from vm_service.domain.survey import Survey, Wishes
from vm_service.domain.vm import Listed, Order, Power, Snapshot, TaskState
from vm_service.ports import Hypervisor


class LiveHypervisor(Lending):
    """Passes every call to the hypervisor in use."""

    @asynccontextmanager
    async def held(self) -> AsyncGenerator[Hypervisor]:
        """Lend the hypervisor in use for the block: it stays the same, whatever is exchanged.

        For who looks at a VM and then acts on it, and must not act on another cluster's.
        """
        if self.is_idle:
            yield self  # it says what to do, at each call
            return
        async with self.lent() as now:
            yield now

    async def ping(self) -> None:
        """Raise unless it answers and takes our token."""
        async with self.lent() as now:
            await now.ping()

    async def survey(self) -> tuple[Survey, Wishes]:
        """Return what the cluster looks like."""
        async with self.lent() as now:
            return await now.survey()

    async def look(self, node: str, vmid: int) -> Sighting | None:
        """See what is there."""
        async with self.lent() as now:
            return await now.look(node, vmid)

    async def clone(self, order: Order) -> str:
        """Start making a VM."""
        async with self.lent() as now:
            return await now.clone(order)

    async def find_clone(self, place: Place, vmid: int, *, since: datetime) -> str | None:
        """Return the task that makes a VM, if there is one."""
        async with self.lent() as now:
            return await now.find_clone(place, vmid, since=since)

    async def task(self, upid: str, *, with_progress: bool = False) -> TaskState:
        """Tell how a task is doing."""
        async with self.lent() as now:
            return await now.task(upid, with_progress=with_progress)

    async def abort(self, upid: str) -> None:
        """Stop a task."""
        async with self.lent() as now:
            await now.abort(upid)

    async def configure(self, order: Order, sighting: Sighting) -> str | None:
        """Make a VM what the order says."""
        async with self.lent() as now:
            return await now.configure(order, sighting)

    async def grow(self, order: Order, sighting: Sighting) -> str | None:
        """Bring the disk to the size of the plan."""
        async with self.lent() as now:
            return await now.grow(order, sighting)

    async def power(self, node: str, vmid: int, *, with_changes: bool = False) -> Power:
        """Tell whether it is on."""
        async with self.lent() as now:
            return await now.power(node, vmid, with_changes=with_changes)

    async def start(self, node: str, vmid: int) -> str:
        """Switch on."""
        async with self.lent() as now:
            return await now.start(node, vmid)

    async def shutdown(self, node: str, vmid: int, *, timeout: int) -> str:
        """Ask the guest to switch itself off."""
        async with self.lent() as now:
            return await now.shutdown(node, vmid, timeout=timeout)

    async def stop(self, node: str, vmid: int) -> str:
        """Cut the power."""
        async with self.lent() as now:
            return await now.stop(node, vmid)

    async def reboot(self, node: str, vmid: int, *, timeout: int) -> str:
        """Have the guest switch itself off, then switch it on."""
        async with self.lent() as now:
            return await now.reboot(node, vmid, timeout=timeout)

    async def reset(self, node: str, vmid: int) -> str:
        """Push the reset button."""
        async with self.lent() as now:
            return await now.reset(node, vmid)

    async def set_onboot(self, node: str, vmid: int, *, on: bool) -> str | None:
        """Have a VM come up with its node, or not."""
        async with self.lent() as now:
            return await now.set_onboot(node, vmid, on=on)

    async def make_template(self, node: str, vmid: int) -> str | None:
        """Turn a VM into a template."""
        async with self.lent() as now:
            return await now.make_template(node, vmid)

    async def snapshots(self, node: str, vmid: int) -> Sequence[Snapshot]:
        """List a VM's snapshots."""
        async with self.lent() as now:
            return await now.snapshots(node, vmid)

    async def snapshot(self, node: str, vmid: int, *, name: str, description: str) -> str:
        """Make a snapshot."""
        async with self.lent() as now:
            return await now.snapshot(node, vmid, name=name, description=description)

    async def rollback(self, node: str, vmid: int, *, name: str) -> str:
        """Take a VM back to a snapshot."""
        async with self.lent() as now:
            return await now.rollback(node, vmid, name=name)

    async def delete_snapshot(self, node: str, vmid: int, *, name: str) -> str:
        """Forget a snapshot."""
        async with self.lent() as now:
            return await now.delete_snapshot(node, vmid, name=name)

    async def destroy(self, node: str, vmid: int) -> str:
        """Remove a VM."""
        async with self.lent() as now:
            return await now.destroy(node, vmid)

    async def guest_addresses(self, node: str, vmid: int) -> Sequence[str]:
        """Return what the guest claims."""
        async with self.lent() as now:
            return await now.guest_addresses(node, vmid)

    async def guest_host_key(self, node: str, vmid: int) -> str:
        """Return the guest's host key file."""
        async with self.lent() as now:
            return await now.guest_host_key(node, vmid)

    async def guest_is_set_up(self, node: str, vmid: int) -> bool | None:
        """Tell whether the guest's host keys are made."""
        async with self.lent() as now:
            return await now.guest_is_set_up(node, vmid)

    async def inventory(self) -> Sequence[Listed]:
        """Return every VM our token may see."""
        async with self.lent() as now:
            return await now.inventory()

    async def host_addresses(self) -> AbstractSet[str]:
        """Return the addresses of the nodes."""
        async with self.lent() as now:
            return await now.host_addresses()

    async def figures(self) -> Sequence[Figure]:
        """Return what each VM uses that runs."""
        async with self.lent() as now:
            return await now.figures()

    async def guest_disk(self, node: str, vmid: int) -> Usage:
        """Return how full a guest's disk is."""
        async with self.lent() as now:
            return await now.guest_disk(node, vmid)
