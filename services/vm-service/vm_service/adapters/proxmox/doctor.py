"""Looks at a cluster for the doctor: reads only, and what may not be read is noted as such."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping
from contextlib import closing
from dataclasses import replace
from typing import Final, TypeVar

from pydantic import TypeAdapter

from common.contracts.hypervisor import ClusterSettings, Diagnosis, HypervisorSettings
from vm_service.adapters.proxmox import doctor_answers as answers
from vm_service.adapters.proxmox.answers import CONFIG, read
from vm_service.adapters.proxmox.client import Client
from vm_service.adapters.proxmox.site import access_to
from vm_service.domain.doctor.access import needed
from vm_service.domain.doctor.chart import Chart, Holdings, Rights, Seen, known
from vm_service.domain.doctor.examination import diagnosed, shut_out
from vm_service.domain.trouble import Trouble, Verdict

A = TypeVar("A")
K = TypeVar("K", int, str)
T = TypeVar("T")

FIRST_WORD: Final = 15.0  # seconds until the first answer must have come
PATIENCE: Final = 18.0  # seconds for each of the others


async def examine(settings: HypervisorSettings, ours: Holdings) -> Diagnosis:
    """Look at everything a deployment needs. The secret in ``settings`` is no envelope here."""
    shown = ClusterSettings.model_validate(settings.model_dump(exclude={"token_secret"}))
    with closing(Client(access_to(settings, secret=settings.token_secret))) as client:
        look = _Look(client)
        version = await look.at("version", answers.VERSION, lambda found: found.version)
        if isinstance(version, Trouble):
            return shut_out(shown, version)
        chart = Chart(settings=shown, version=version, skew=client.skew, ours=ours)
        chart = await _at_the_nodes(look, await _around(look, chart))
        return diagnosed(await _at_the_rights(look, chart))


class _Look:
    """Looks at one thing after the other; a look that fails returns its trouble."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._first = True

    async def at(
        self, path: str, kind: TypeAdapter[A], meaning: Callable[[A], T], /, **query: object
    ) -> Seen[T]:
        """Return what an answer means."""
        patience, self._first = FIRST_WORD if self._first else PATIENCE, False
        try:
            async with asyncio.timeout(patience):
                return meaning(read(kind, await self._client.get(path, **query)))
        except Trouble as trouble:
            return trouble
        except TimeoutError:
            return Trouble(Verdict.UNKNOWN, f"there was no answer within {patience:.0f} s")


async def _around(look: _Look, chart: Chart) -> Chart:
    """See what the cluster is made of."""
    user, _, token = chart.settings.token_id.partition("!")
    nodes, vms, pools, roles, everywhere, separated = await asyncio.gather(
        look.at("nodes", answers.NODES, answers.online),
        look.at("cluster/resources", answers.VMS, answers.vms, type="vm"),
        look.at("pools", answers.POOLS, answers.pools),
        look.at("access/roles", answers.ROLES, answers.roles),
        look.at("access/permissions", answers.RIGHTS, answers.rights),
        look.at(f"access/users/{user}/token/{token}", answers.TOKEN, answers.separated),
    )
    return replace(
        chart,
        nodes=nodes,
        vms=vms,
        pools=pools,
        roles=roles,
        everywhere=everywhere,
        separated=known(separated, None),  # most tokens may not look at themselves
    )


async def _at_the_nodes(look: _Look, chart: Chart) -> Chart:
    """See the templates, and the storages and bridges of the nodes that may matter."""
    homes = {vm.vmid: vm.node for vm in known(chart.vms, ()) if vm.vmid in chart.settings.templates}
    nodes = sorted({*chart.usable_nodes, *homes.values()})
    templates, storages, bridges = await asyncio.gather(
        _each(
            homes,
            lambda vmid: look.at(f"nodes/{homes[vmid]}/qemu/{vmid}/config", CONFIG, answers.texts),
        ),
        _each(
            nodes, lambda node: look.at(f"nodes/{node}/storage", answers.STORAGES, answers.storages)
        ),
        _each(
            nodes,
            lambda node: look.at(
                f"nodes/{node}/network", answers.BRIDGES, answers.bridges, type="any_bridge"
            ),
        ),
    )
    return replace(chart, templates=templates, storages=storages, bridges=bridges)


async def _at_the_rights(look: _Look, chart: Chart) -> Chart:
    """See what we may do in the places where we have to do something."""
    paths = [grant.path for grant in needed(chart)]
    found = await _each(
        paths,
        lambda path: look.at("access/permissions", answers.RIGHTS, answers.rights, path=path),
    )
    rights: dict[str, frozenset[str]] = {}
    for path, seen in found.items():
        if isinstance(seen, Trouble):
            return replace(chart, rights=seen)
        rights[path] = _on(path, seen)
    return replace(chart, rights=rights)


def _on(path: str, found: Rights) -> frozenset[str]:
    return found.get(path, frozenset())


async def _each(keys: Iterable[K], see: Callable[[K], Awaitable[Seen[T]]]) -> Mapping[K, Seen[T]]:
    """Look at each of them at once."""
    names = list(keys)
    return dict(zip(names, await asyncio.gather(*map(see, names)), strict=True))
