"""A VM's snapshots, through Proxmox: of its disks alone, without its memory."""

from collections.abc import Sequence
from typing import Final

from vm_service.adapters.proxmox.answers import SNAPSHOTS, UPID, read
from vm_service.adapters.proxmox.client import Client
from vm_service.adapters.proxmox.paths import snapshot_path, vm_path
from vm_service.domain.vm import Snapshot

PRESENT: Final = "current"  # what Proxmox calls the VM as it is now, in the same list


class ProxmoxSnapshots:
    """All verbs start a task; what became of it, the task tells."""

    def __init__(self, client: Client) -> None:
        self._client = client

    async def snapshots(self, node: str, vmid: int) -> Sequence[Snapshot]:
        """List a VM's snapshots."""
        listed = read(SNAPSHOTS, await self._client.get(vm_path(node, vmid, "snapshot")))
        return [
            Snapshot(name=one.name, description=one.description, state=one.snapstate)
            for one in listed
            if one.name != PRESENT
        ]

    async def snapshot(self, node: str, vmid: int, *, name: str, description: str) -> str:
        """Make one; a guest with an agent has its file systems at rest meanwhile."""
        snapshot_path(node, vmid, name)
        form = {"snapname": name, "description": description, "vmstate": False}
        return read(UPID, await self._client.post(vm_path(node, vmid, "snapshot"), **form))

    async def rollback(self, node: str, vmid: int, *, name: str) -> str:
        """Take the VM back to one, and leave it off."""
        path = snapshot_path(node, vmid, name, "rollback")
        return read(UPID, await self._client.post(path, start=False))

    async def delete_snapshot(self, node: str, vmid: int, *, name: str) -> str:
        """Forget one."""
        return read(UPID, await self._client.delete(snapshot_path(node, vmid, name)))
