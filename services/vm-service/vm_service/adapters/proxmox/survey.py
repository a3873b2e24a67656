"""Where new VMs may go, as the cluster tells it; asked at most every few seconds."""

import asyncio
import time
from typing import Final

from vm_service.adapters.proxmox.answers import CONFIG, RESOURCES, Resource, read, storages
from vm_service.adapters.proxmox.census import ProxmoxCensus
from vm_service.adapters.proxmox.client import Client
from vm_service.adapters.proxmox.paths import vm_path
from vm_service.adapters.proxmox.site import Site
from vm_service.domain.survey import Node, Room, Store, Survey, Template, Wishes
from vm_service.domain.trouble import Trouble

FRESH: Final = 5.0  # seconds; Proxmox itself looks every ten
TEMPLATES_STAY: Final = 60.0

Aged = tuple[float, tuple[Template, ...]]


class ProxmoxSurvey(ProxmoxCensus):
    """What is known of nodes, storages and templates, as far as our token may see them."""

    def __init__(self, client: Client, site: Site) -> None:
        super().__init__(client, url=site.settings.url)
        self._wanted = site.settings
        self._wishes = Wishes(
            allowed=frozenset(site.settings.nodes),
            drained=frozenset(site.settings.drained),
            full=site.settings.clone == "full",
            storage=site.settings.storage,
        )
        self._looking = asyncio.Lock()
        self._survey: tuple[float, Survey] | None = None
        self._templates: Aged | None = None

    async def survey(self) -> tuple[Survey, Wishes]:
        """Return what the cluster looks like, and what the settings wish of a place."""
        async with self._looking:
            return await self._fresh(), self._wishes

    def forget_templates(self) -> None:
        """Look for the templates anew the next time."""
        self._survey = self._templates = None

    async def _fresh(self) -> Survey:
        if self._survey is None or time.monotonic() - self._survey[0] > FRESH:
            nodes, stores, templates = await asyncio.gather(
                self._resources("node"), self._resources("storage"), self._known_templates()
            )
            survey = Survey(
                nodes=tuple(_node(one) for one in nodes),
                stores=tuple(_store(one) for one in stores if "images" in one.content.split(",")),
                templates=templates,
            )
            self._survey = (time.monotonic(), survey)
        return self._survey[1]

    async def _resources(self, kind: str) -> list[Resource]:
        return read(RESOURCES, await self._client.get("cluster/resources", type=kind))

    async def _known_templates(self) -> tuple[Template, ...]:
        if self._templates is not None and time.monotonic() - self._templates[0] < TEMPLATES_STAY:
            return self._templates[1]
        wanted = self._wanted.templates
        found = {vm.vmid: vm.node for vm in await self.inventory() if vm.vmid in wanted}
        here = [vmid for vmid in wanted if vmid in found]
        templates = tuple([await self._template(found[vmid], vmid) for vmid in here])
        if templates and all(one.storages for one in templates):
            self._templates = (time.monotonic(), templates)
        return templates

    async def _template(self, node: str, vmid: int) -> Template:
        try:
            config = read(CONFIG, await self._client.get(vm_path(node, vmid, "config")))
        except Trouble:  # hidden, or its node is away: then it may be used on its node at most
            return Template(vmid=vmid, node=node)
        return Template(vmid=vmid, node=node, storages=storages(config))


def _node(one: Resource) -> Node:
    memory = Room(free=one.maxmem - one.mem, total=one.maxmem) if one.maxmem else None
    return Node(name=one.node, online=one.status == "online", memory=memory)


def _store(one: Resource) -> Store:
    room = Room(free=one.maxdisk - one.disk, total=one.maxdisk) if one.maxdisk else None
    return Store(node=one.node, name=one.storage, shared=one.shared, room=room)
