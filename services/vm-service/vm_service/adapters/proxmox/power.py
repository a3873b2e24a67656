"""The power of a VM, through Proxmox: how it stands, and the switches."""

from vm_service.adapters.proxmox.answers import PENDING, STATUS, UPID, read
from vm_service.adapters.proxmox.client import Client
from vm_service.adapters.proxmox.paths import vm_path
from vm_service.domain.vm import Power


class ProxmoxPower:
    """All verbs start a task; what became of it, the task tells."""

    def __init__(self, client: Client) -> None:
        self._client = client

    async def power(self, node: str, vmid: int, *, with_changes: bool = False) -> Power:
        """Tell whether the VM has power; if asked, whether changes wait for a restart."""
        answer = await self._client.get(vm_path(node, vmid, "status/current"))
        status = read(STATUS, answer)
        if status.status != "running":
            return Power(running=False, lock=status.lock)
        waiting = with_changes and await self._has_changes(node, vmid)
        return Power(running=True, uptime=status.uptime, restart_needed=waiting, lock=status.lock)

    async def _has_changes(self, node: str, vmid: int) -> bool:
        listed = read(PENDING, await self._client.get(vm_path(node, vmid, "pending")))
        return any(entry.is_pending for entry in listed)

    async def start(self, node: str, vmid: int) -> str:
        """Switch on."""
        return await self._switch(node, vmid, "start")

    async def shutdown(self, node: str, vmid: int, *, timeout: int) -> str:
        """Ask the guest to switch itself off; the task fails after so many seconds."""
        return await self._switch(node, vmid, "shutdown", timeout=timeout, forceStop=False)

    async def stop(self, node: str, vmid: int) -> str:
        """Cut the power, even in the middle of a shutdown."""
        return await self._switch(node, vmid, "stop", **{"overrule-shutdown": True})

    async def reboot(self, node: str, vmid: int, *, timeout: int) -> str:
        """Have the guest switch itself off, then switch it on again."""
        return await self._switch(node, vmid, "reboot", timeout=timeout)

    async def reset(self, node: str, vmid: int) -> str:
        """Push the reset button."""
        return await self._switch(node, vmid, "reset")

    async def set_onboot(self, node: str, vmid: int, *, on: bool) -> str | None:
        """Have the VM come up with its node, or not."""
        answer = await self._client.post(vm_path(node, vmid, "config"), onboot=on)
        return None if answer is None else read(UPID, answer)

    async def make_template(self, node: str, vmid: int) -> str | None:
        """Turn a VM that is off into a template; there is no way back."""
        answer = await self._client.post(vm_path(node, vmid, "template"))
        return None if answer is None else read(UPID, answer)

    async def _switch(self, node: str, vmid: int, verb: str, **form: object) -> str:
        path = vm_path(node, vmid, f"status/{verb}")
        return read(UPID, await self._client.post(path, **form))
