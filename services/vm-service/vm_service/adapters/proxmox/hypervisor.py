"""Proxmox VE as the hypervisor: one call a verb, parameters in Proxmox's own manner."""

from vm_service.adapters.proxmox.agent import ProxmoxAgent
from vm_service.adapters.proxmox.answers import CONFIG, UNITS, UPID, read, sighting
from vm_service.adapters.proxmox.client import Client
from vm_service.adapters.proxmox.config import config
from vm_service.adapters.proxmox.paths import vm_path
from vm_service.adapters.proxmox.power import ProxmoxPower
from vm_service.adapters.proxmox.site import Site
from vm_service.adapters.proxmox.snapshots import ProxmoxSnapshots
from vm_service.adapters.proxmox.survey import ProxmoxSurvey
from vm_service.adapters.proxmox.tasks import ProxmoxTasks
from vm_service.domain.ownership import Sighting
from vm_service.domain.trouble import Trouble, Verdict
from vm_service.domain.vm import Order


class Proxmox(ProxmoxTasks, ProxmoxAgent, ProxmoxPower, ProxmoxSnapshots, ProxmoxSurvey):
    """The cluster behind one API address. Made without asking anything of it."""

    def __init__(self, client: Client, site: Site) -> None:
        ProxmoxTasks.__init__(self, client, token_id=site.settings.token_id)
        ProxmoxAgent.__init__(self, client)
        ProxmoxPower.__init__(self, client)
        ProxmoxSnapshots.__init__(self, client)
        ProxmoxSurvey.__init__(self, client, site)
        self._site = site

    async def ping(self) -> None:
        """Raise unless Proxmox answers and takes our token."""
        await self._client.get("version")

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
        config = await self._client.get(vm_path(node, vmid, "config"))
        return sighting(node, read(CONFIG, config))

    async def _is_free(self, vmid: int) -> bool:
        """Ask the whole cluster; the only question about VMs that any token may ask."""
        try:
            answer = await self._client.get("cluster/nextid", vmid=vmid)
        except Trouble as trouble:
            if trouble.verdict is Verdict.TAKEN:
                return False
            raise
        if str(answer) != str(vmid):
            raise Trouble(Verdict.UNKNOWN, f"Proxmox does not say whether VM id {vmid} is free")
        return True

    async def _node_of(self, vmid: int) -> str | None:
        return next((vm.node for vm in await self.inventory() if vm.vmid == vmid), None)

    async def clone(self, order: Order) -> str:
        """Start making a clone; description and pool prove and show that it is ours."""
        place = order.place
        try:
            answer = await self._client.post(
                vm_path(place.template_node, place.template, "clone"),
                newid=order.vmid,
                name=order.name,
                description=order.description,
                pool=self._site.settings.pool,
                full=place.full,
                storage=place.storage if place.full else None,  # for linked clones it is refused
                target=place.node if place.node != place.template_node else None,
            )
        except Trouble as trouble:
            if trouble.verdict is Verdict.ABSENT:
                self.forget_templates()
                raise Trouble(Verdict.REFUSED, f"the template is gone: {trouble.text}") from trouble
            raise
        return read(UPID, answer)

    async def configure(self, order: Order, sighting: Sighting) -> str | None:
        """Set size, network and user in one call; all values are absolute."""
        path = vm_path(order.place.node, order.vmid, "config")
        answer = await self._client.post(path, **config(order, self._site, sighting.card))
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
            vm_path(sighting.node, order.vmid, "resize"),
            disk=sighting.disk.name,
            size=f"{order.plan.disk_gib}G",
        )
        return None if answer is None else read(UPID, answer)

    async def destroy(self, node: str, vmid: int) -> str:
        """Remove a stopped VM with all its disks and whatever mentions it."""
        parameters = {"purge": True, "destroy-unreferenced-disks": True}
        return read(UPID, await self._client.delete(vm_path(node, vmid), **parameters))
