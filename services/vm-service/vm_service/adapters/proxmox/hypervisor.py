"""Proxmox VE as the hypervisor: one call a verb, parameters in Proxmox's own manner."""

import time
from dataclasses import dataclass
from typing import Final
from urllib.parse import quote

from vm_service.adapters.proxmox.agent import ProxmoxAgent
from vm_service.adapters.proxmox.answers import CONFIG, RESOURCES, UNITS, UPID, read, sighting
from vm_service.adapters.proxmox.client import Client
from vm_service.adapters.proxmox.tasks import ProxmoxTasks
from vm_service.domain.network import AddressPool
from vm_service.domain.ownership import Sighting
from vm_service.domain.trouble import Trouble, Verdict
from vm_service.ports import Order

REMEMBERED: Final = 60.0  # seconds the template's node is believed


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """How VMs are made here."""

    template: int
    pool: str
    node: str | None
    token_id: str
    addresses: AddressPool
    nameservers: str
    guest_user: str
    ssh_keys: str


class Proxmox(ProxmoxTasks, ProxmoxAgent):
    """The cluster behind one API address."""

    def __init__(self, client: Client, site: Site) -> None:
        ProxmoxTasks.__init__(self, client, template=site.template, token_id=site.token_id)
        ProxmoxAgent.__init__(self, client)
        self._site = site
        self._template_node: tuple[str, float] | None = None

    async def ping(self) -> None:
        """Raise unless Proxmox answers and takes our token."""
        await self._client.get("version")

    async def choose_node(self) -> str:
        """Return the configured node, or the one the template is on: linked clones stay there."""
        if self._site.node is not None:
            return self._site.node
        if self._template_node is None or time.monotonic() - self._template_node[1] > REMEMBERED:
            node = await self._node_of(self._site.template)
            if node is None:
                raise Trouble(
                    Verdict.REFUSED,
                    f"template {self._site.template} is not there, or our token may not see it",
                    "create it, or set SPAWNYARD_PROXMOX_TEMPLATE; grant VM.Audit and VM.Clone "
                    f"on /vms/{self._site.template} to the user and to its token",
                )
            self._template_node = (node, time.monotonic())
        return self._template_node[0]

    async def look(self, node: str, vmid: int) -> Sighting | None:
        """See what is there. A missing VM and a hidden one look alike to a humble token."""
        try:
            return await self._seen(node, vmid)
        except Trouble as trouble:
            if trouble.verdict not in {Verdict.ABSENT, Verdict.DENIED}:
                raise
        if await self._is_free(vmid):
            return None
        now_on = await self._node_of(vmid)
        if now_on is not None and now_on != node:
            return await self._seen(now_on, vmid)
        return Sighting(node=node, hidden=True)

    async def _seen(self, node: str, vmid: int) -> Sighting:
        config = await self._client.get(f"nodes/{node}/qemu/{vmid}/config")
        return sighting(node, read(CONFIG, config))

    async def _is_free(self, vmid: int) -> bool:
        """Ask the whole cluster; the only question about VMs that any token may ask."""
        try:
            await self._client.get("cluster/nextid", vmid=vmid)
        except Trouble as trouble:
            if trouble.verdict is Verdict.TAKEN:
                return False
            raise
        return True

    async def _node_of(self, vmid: int) -> str | None:
        answer = await self._client.get("cluster/resources", type="vm")
        return next((vm.node for vm in read(RESOURCES, answer) if vm.vmid == vmid), None)

    async def clone(self, order: Order) -> str:
        """Start making a linked clone; description and pool prove and show that it is ours."""
        try:
            answer = await self._client.post(
                f"nodes/{order.node}/qemu/{self._site.template}/clone",
                newid=order.vmid,
                name=order.name,
                description=order.description,
                pool=self._site.pool,
                full=False,
            )
        except Trouble as trouble:
            if trouble.verdict is Verdict.ABSENT:
                raise Trouble(Verdict.REFUSED, f"the template is gone: {trouble.text}") from trouble
            raise
        return read(UPID, answer)

    async def configure(self, order: Order) -> str | None:
        """Set size, network and user in one call; all values are absolute."""
        site = self._site
        address = site.addresses.with_prefix(order.address)
        answer = await self._client.post(
            f"nodes/{order.node}/qemu/{order.vmid}/config",
            name=order.name,
            description=order.description,
            cores=order.plan.cores,
            memory=order.plan.memory_mib,
            onboot=True,
            agent="enabled=1",
            ipconfig0=f"ip={address},gw={site.addresses.gateway}",
            nameserver=site.nameservers or None,
            ciuser=site.guest_user,
            sshkeys=quote(site.ssh_keys, safe=""),
            ciupgrade=False,  # or the first boot fights Ansible for dpkg's lock
        )
        return None if answer is None else read(UPID, answer)

    async def grow(self, order: Order, sighting: Sighting) -> str | None:
        """Bring the disk to the size of the plan; a larger one stays."""
        if sighting.disk is None:
            raise Trouble(
                Verdict.REFUSED,
                f"VM {order.vmid} has no disk to boot from",
                "give the template a disk, first in its boot order",
            )
        if sighting.disk.size >= order.plan.disk_gib * UNITS["G"]:
            return None
        answer = await self._client.put(
            f"nodes/{sighting.node}/qemu/{order.vmid}/resize",
            disk=sighting.disk.name,
            size=f"{order.plan.disk_gib}G",
        )
        return None if answer is None else read(UPID, answer)

    async def start(self, node: str, vmid: int) -> str:
        """Switch on."""
        return read(UPID, await self._client.post(f"nodes/{node}/qemu/{vmid}/status/start"))

    async def stop(self, node: str, vmid: int) -> str:
        """Cut the power, even in the middle of a shutdown."""
        path = f"nodes/{node}/qemu/{vmid}/status/stop"
        return read(UPID, await self._client.post(path, **{"overrule-shutdown": True}))

    async def destroy(self, node: str, vmid: int) -> str:
        """Remove a stopped VM with all its disks and whatever mentions it."""
        parameters = {"purge": True, "destroy-unreferenced-disks": True}
        path = f"nodes/{node}/qemu/{vmid}"
        return read(UPID, await self._client.delete(path, **parameters))
