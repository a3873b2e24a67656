"""Several nodes behind one address: who is where, what moves, and a node that is down."""

from collections.abc import AsyncIterator

import pytest
from proxmoxer import ResourceException

from tests.contract.lab.conftest import Opened, Site


@pytest.fixture
async def cluster(open_lab: Opened) -> AsyncIterator[Site]:
    async with open_lab(nodes=3) as opened:
        yield opened


async def cloned(site: Site, newid: int, **more: str | int) -> str:
    template = site.api.nodes("pve").qemu(9000)
    upid = await site.call(template.clone.post, newid=newid, pool="spawnyard", **more)
    return (await site.finished(upid))["exitstatus"]


async def test_every_node_is_listed_and_knows_its_own_machines(cluster: Site) -> None:
    names = [node["node"] for node in await cluster.call(cluster.api.nodes.get)]
    here = await cluster.call(cluster.api.nodes("pve").qemu.get)
    there = await cluster.call(cluster.api.nodes("pve2").qemu.get)

    assert names == ["pve", "pve2", "pve3"]
    assert [machine["vmid"] for machine in here] == [9000]
    assert there == []


async def test_a_clone_can_be_made_for_another_node_on_shared_storage(cluster: Site) -> None:
    ended = await cloned(cluster, 100, target="pve2")
    machine = cluster.api.nodes("pve2").qemu(100)
    started = await cluster.finished(await cluster.call(machine.status.start.post))
    found = await cluster.call(cluster.api.cluster.resources.get, type="vm")

    assert (ended, started["exitstatus"], started["node"]) == ("OK", "OK", "pve2")
    assert {entry["vmid"]: entry["node"] for entry in found} == {9000: "pve", 100: "pve2"}
    with pytest.raises(ResourceException, match=r"nodes/pve/qemu-server/100.conf' does not exist"):
        await cluster.call(cluster.api.nodes("pve").qemu(100).config.get)


async def test_a_clone_on_local_storage_stays_on_its_node(cluster: Site) -> None:
    refusals: list[str] = []
    for asked in ({"target": "nosuch"}, {"target": "pve2", "full": 1, "storage": "vmdata"}):
        with pytest.raises(ResourceException) as refused:
            await cloned(cluster, 100, **asked)
        refusals.append(refused.value.content)
    await cloned(cluster, 101, full=1, storage="vmdata")
    cluster.lab.site.rules.roles["YardMachines"].append("VM.Clone")
    with pytest.raises(ResourceException, match="VM uses local storage"):
        machine = cluster.api.nodes("pve").qemu(101)
        await cluster.call(machine.clone.post, newid=102, pool="spawnyard", full=1, target="pve3")

    assert refusals == [
        "no such cluster node 'nosuch'",
        "can't clone to non-shared storage 'vmdata'",
    ]


async def test_an_id_that_another_node_owns_shows_only_in_the_task(cluster: Site) -> None:
    await cloned(cluster, 100, target="pve2")

    ended = await cloned(cluster, 100)

    file = "/etc/pve/nodes/pve/qemu-server/100.conf"
    assert ended == f"close (rename) atomic file '{file}' failed: File exists"


async def test_a_node_that_is_down_is_not_reached_and_its_machines_are_unknown(
    cluster: Site,
) -> None:
    await cloned(cluster, 100, target="pve2")
    cluster.lab.site.nodes["pve2"].online = False

    with pytest.raises(ResourceException) as refused:
        await cluster.call(cluster.api.nodes("pve2").qemu(100).status.current.get)
    nodes = await cluster.call(cluster.api.nodes.get)
    found = await cluster.call(cluster.api.cluster.resources.get, type="vm")

    assert (refused.value.status_code, refused.value.content) == (595, "No route to host")
    assert [node["status"] for node in nodes] == ["online", "offline", "online"]
    assert {entry["vmid"]: entry["status"] for entry in found} == {9000: "stopped", 100: "unknown"}


async def test_nodes_can_be_added_to_a_site_and_stay(open_lab: Opened) -> None:
    async with open_lab() as one:
        assert list(one.lab.site.nodes) == ["pve"]
    async with open_lab(nodes=2) as two:
        assert list(two.lab.site.nodes) == ["pve", "pve2"]
    async with open_lab() as later:
        assert list(later.lab.site.nodes) == ["pve", "pve2"]


async def test_a_stopped_machine_moves_to_another_node_and_starts_there(cluster: Site) -> None:
    await cloned(cluster, 100)
    cluster.lab.site.rules.roles["YardMachines"].append("VM.Migrate")
    here = cluster.api.nodes("pve").qemu(100)

    allowed = (await cluster.call(here.migrate.get))["allowed_nodes"]
    moved = await cluster.finished(await cluster.call(here.migrate.post, target="pve3"))
    there = cluster.api.nodes("pve3").qemu(100)
    started = await cluster.finished(await cluster.call(there.status.start.post))

    assert allowed == ["pve2", "pve3"]
    assert (moved["exitstatus"], started["exitstatus"]) == ("OK", "OK")
    with pytest.raises(ResourceException, match="can't migrate running VM without --online"):
        await cluster.call(there.migrate.post, target="pve")


async def test_a_linked_clone_on_local_storage_stays_where_its_base_is(cluster: Site) -> None:
    await cloned(cluster, 100, full=1, storage="vmdata")
    cluster.lab.site.rules.roles["YardMachines"].append("VM.Migrate")
    disk = next(volume for name, volume in cluster.lab.site.machines[100].volumes.items()
                if "disk" in name)  # fmt: skip
    disk.parent = "vmdata:1/base-1-disk-0.qcow2"

    here = cluster.api.nodes("pve").qemu(100)
    ended = await cluster.finished(await cluster.call(here.migrate.post, target="pve2"))

    assert ended["exitstatus"] == "migration aborted"
    assert cluster.lab.site.machines[100].node == "pve"
