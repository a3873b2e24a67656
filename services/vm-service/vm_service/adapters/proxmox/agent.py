"""The guest agent, through Proxmox: what a guest says about itself, which may be anything."""

from collections import defaultdict
from collections.abc import Sequence
from typing import Final

from vm_service.adapters.proxmox.answers import FILE, FILESYSTEMS, INTERFACES, read
from vm_service.adapters.proxmox.audience import Audience
from vm_service.adapters.proxmox.client import Client
from vm_service.adapters.proxmox.paths import vm_path
from vm_service.domain.figures import Usage
from vm_service.domain.host_key import HOST_KEY_FILE, SETUP_FILE, is_set_up
from vm_service.domain.trouble import Trouble, Verdict

AT_ONCE: Final = 2  # on each node: an unanswered call holds one of its three workers for 3 s
LONGEST: Final = 4096
ROOT: Final = "/"
FEW: Final = 256


class ProxmoxAgent:
    """The agents of all guests; silence is ``NOT_YET``."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._audiences = defaultdict[str, Audience](lambda: Audience(AT_ONCE))

    async def guest_addresses(self, node: str, vmid: int) -> Sequence[str]:
        """Return what the guest claims to be its addresses."""
        async with self._audiences[node].turn(vmid):
            await self._client.post(vm_path(node, vmid, "agent/ping"))
            answer = await self._client.get(vm_path(node, vmid, "agent/network-get-interfaces"))
        try:
            interfaces = read(INTERFACES, answer).result
        except Trouble as trouble:
            raise Trouble(Verdict.NOT_YET, "the agent cannot tell its addresses") from trouble
        return [each.address for one in interfaces for each in one.addresses][:FEW]

    async def guest_host_key(self, node: str, vmid: int) -> str:
        """Return the text of the guest's SSH host key file."""
        return (await self._file(node, vmid, HOST_KEY_FILE))[:LONGEST]

    async def guest_is_set_up(self, node: str, vmid: int) -> bool | None:
        """Tell whether this boot's host keys are made; none if the guest does not say."""
        try:
            return is_set_up(await self._file(node, vmid, SETUP_FILE))
        except Trouble as trouble:
            if trouble.verdict is Verdict.NOT_YET:
                return None
            raise

    async def guest_disk(self, node: str, vmid: int) -> Usage:
        """Return how full the guest says that its root file system is."""
        async with self._audiences[node].turn(vmid):
            answer = await self._client.get(vm_path(node, vmid, "agent/get-fsinfo"))
        try:
            mounted = read(FILESYSTEMS, answer).result
        except Trouble as trouble:
            raise Trouble(Verdict.NOT_YET, "the agent cannot tell its file systems") from trouble
        for one in mounted:
            if one.mountpoint == ROOT and one.total is not None and one.used is not None:
                return Usage(used=one.used, total=one.total)
        raise Trouble(Verdict.NOT_YET, "the agent does not tell how full its disk is")

    async def _file(self, node: str, vmid: int, path: str) -> str:
        async with self._audiences[node].turn(vmid):
            answer = await self._client.get(vm_path(node, vmid, "agent/file-read"), file=path)
        return read(FILE, answer).content
