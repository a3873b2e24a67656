"""What the cluster holds: its VMs, and the addresses of its nodes."""

import asyncio
import time
from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from contextlib import suppress
from typing import Final
from urllib.parse import urlsplit

from vm_service.adapters.proxmox.answers import CLUSTER, INTERFACE_LIST, RESOURCES, Resource, read
from vm_service.adapters.proxmox.client import Client
from vm_service.adapters.proxmox.paths import node_path
from vm_service.domain.figures import Figure
from vm_service.domain.trouble import Trouble, Verdict
from vm_service.domain.vm import Listed

REMEMBERED: Final = 300.0  # seconds the addresses of the nodes are believed


class ProxmoxCensus:
    """Lists hold only what our token may see; no right to see is an empty list, not an error."""

    def __init__(self, client: Client, *, url: str) -> None:
        self._client = client
        self._url = url
        self._hosts: tuple[AbstractSet[str], float] | None = None
        self._asking = asyncio.Lock()

    async def inventory(self) -> Sequence[Listed]:
        """Return every VM our token may see, on all nodes."""
        answer = await self._client.get("cluster/resources", type="vm")
        return [_listed(one) for one in read(RESOURCES, answer) if one.type == "qemu"]

    async def figures(self) -> Sequence[Figure]:
        """Return what each VM uses that runs, as the cluster saw it some seconds ago."""
        answer = await self._client.get("cluster/resources", type="vm")
        listed = read(RESOURCES, answer)
        return [_figure(one) for one in listed if one.type == "qemu" and one.status == "running"]

    async def host_addresses(self) -> AbstractSet[str]:
        """Return the addresses of the nodes, as far as a humble token may know them."""
        async with self._asking:
            if self._hosts is None or time.monotonic() - self._hosts[1] > REMEMBERED:
                self._hosts = (await self._ask_hosts(), time.monotonic())
            return self._hosts[0]

    async def _ask_hosts(self) -> AbstractSet[str]:
        found = {*await self._own_addresses(), *await self._cluster_addresses()}
        for node in await self._node_names():
            found |= {*await self._bridge_addresses(node)}
        return frozenset(found)

    async def _own_addresses(self) -> list[str]:
        """Return the addresses at which we talk to Proxmox."""
        host = urlsplit(self._url).hostname or ""
        with suppress(OSError):
            loop = asyncio.get_running_loop()
            return [str(one[4][0]) for one in await loop.getaddrinfo(host, None)]
        return []

    async def _cluster_addresses(self) -> list[str]:
        try:
            answer = await self._client.get("cluster/status")
        except Trouble as trouble:
            if trouble.verdict is Verdict.DENIED:
                return []  # needs Sys.Audit, which our role does not have
            raise
        return [one.ip for one in read(CLUSTER, answer) if one.ip]

    async def _node_names(self) -> list[str]:
        answer = await self._client.get("cluster/resources", type="node")
        return [one.node for one in read(RESOURCES, answer) if one.status == "online"]

    async def _bridge_addresses(self, node: str) -> list[str]:
        """Return what a node has besides; one that does not tell holds nobody up."""
        try:
            answer = await self._client.get(node_path(node, "network"))
        except Trouble:
            return []
        listed = read(INTERFACE_LIST, answer)
        return [address for one in listed for address in (one.address, one.address6) if address]


def _figure(one: Resource) -> Figure:
    return Figure(vmid=one.vmid, node=one.node, cpu=one.cpu, memory=one.mem, max_memory=one.maxmem)


def _listed(one: Resource) -> Listed:
    return Listed(
        vmid=one.vmid,
        node=one.node,
        name=one.name,
        status=one.status,
        template=one.template,
        lock=one.lock,
        pool=one.pool,
    )
