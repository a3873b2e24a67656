"""What the handlers need of the world outside: Proxmox, the guests' keys and addresses."""

from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from datetime import datetime
from typing import Protocol

from common.contracts.servers import Endpoint, Port
from vm_service.domain.figures import Figure, Usage
from vm_service.domain.ownership import Sighting
from vm_service.domain.placement import Place
from vm_service.domain.survey import Survey, Wishes
from vm_service.domain.vm import Listed, Order, Power, Snapshot, TaskState


class Hypervisor(Protocol):
    """Proxmox, one call a verb. Whatever goes wrong is a ``Trouble``.

    Verbs that start a task return its UPID; none when nothing had to be done.
    """

    async def survey(self) -> tuple[Survey, Wishes]:
        """Return what the cluster looks like, and what the settings wish of a place."""
        ...

    async def look(self, node: str, vmid: int) -> Sighting | None:
        """See what is there, on whichever node; none only if the id is free in the cluster."""
        ...

    async def clone(self, order: Order) -> str: ...

    async def find_clone(self, place: Place, vmid: int, *, since: datetime) -> str | None:
        """Return the UPID of our own clone task into this id that did not fail, if any."""
        ...

    async def task(self, upid: str, *, with_progress: bool = False) -> TaskState: ...

    async def abort(self, upid: str) -> None:
        """Stop a task, and wait until it has ended."""
        ...

    async def configure(self, order: Order, sighting: Sighting) -> str | None:
        """Make name, size, network and user those of the order; none of them is relative."""
        ...

    async def grow(self, order: Order, sighting: Sighting) -> str | None:
        """Bring the disk to the size of the plan, never below the size it has."""
        ...

    async def power(self, node: str, vmid: int, *, with_changes: bool = False) -> Power:
        """Tell how it stands; whether changes wait for a restart, only if that is asked."""
        ...

    async def start(self, node: str, vmid: int) -> str: ...

    async def shutdown(self, node: str, vmid: int, *, timeout: int) -> str:
        """Ask the guest to switch itself off; the task fails after so many seconds."""
        ...

    async def stop(self, node: str, vmid: int) -> str:
        """Cut the power, even in the middle of a shutdown."""
        ...

    async def reboot(self, node: str, vmid: int, *, timeout: int) -> str:
        """Ask the guest to switch itself off, then switch it on; pending changes take effect."""
        ...

    async def snapshots(self, node: str, vmid: int) -> Sequence[Snapshot]: ...
    async def snapshot(self, node: str, vmid: int, *, name: str, description: str) -> str: ...
    async def rollback(self, node: str, vmid: int, *, name: str) -> str: ...
    async def delete_snapshot(self, node: str, vmid: int, *, name: str) -> str: ...

    async def set_onboot(self, node: str, vmid: int, *, on: bool) -> str | None:
        """Say whether the VM is switched on whenever its node comes up."""
        ...

    async def make_template(self, node: str, vmid: int) -> str | None:
        """Turn a VM that is off into a template; there is no way back."""
        ...

    async def reset(self, node: str, vmid: int) -> str:
        """Push the reset button."""
        ...

    async def destroy(self, node: str, vmid: int) -> str:
        """Remove a stopped VM with all its disks."""
        ...

    async def guest_addresses(self, node: str, vmid: int) -> Sequence[str]:
        """Return what the guest claims to be its addresses; it may claim anything."""
        ...

    async def guest_host_key(self, node: str, vmid: int) -> str:
        """Return the text of the guest's SSH host key file; it may hold anything."""
        ...

    async def guest_is_set_up(self, node: str, vmid: int) -> bool | None:
        """Tell whether this boot's host keys are made; none if the guest does not say."""
        ...

    async def inventory(self) -> Sequence[Listed]:
        """Return every VM our token may see, on all nodes."""
        ...

    async def host_addresses(self) -> AbstractSet[str]:
        """Return the addresses of the nodes, as far as we may know them."""
        ...


class Instruments(Protocol):
    """Tells what VMs use. Whatever goes wrong is a ``Trouble``."""

    async def figures(self) -> Sequence[Figure]:
        """Return those of every VM that runs and that our token may see, in one call."""
        ...

    async def guest_disk(self, node: str, vmid: int) -> Usage:
        """Return how full the guest says that its root file system is."""
        ...


class ServerKeys(Protocol):
    """Knows by which SSH keys guests are opened."""

    async def public(self, server_id: str, *, make: bool) -> str | None:
        """Return the server's public key; none: the installation's. ``make``: if it has none.

        Raises ``Trouble`` while nobody answers.
        """
        ...


class AddressProbe(Protocol):
    """Asks whether somebody lives at an address already."""

    async def is_taken(self, address: str) -> bool: ...


class Reach(Protocol):
    """Knows from where a guest is reached."""

    async def endpoint(self, *, vmid: int, address: str, ports: Sequence[Port]) -> Endpoint: ...
