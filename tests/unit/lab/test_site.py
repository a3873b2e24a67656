"""A site of several nodes, as each of them sees it, and as older files tell it."""

from pathlib import Path

import pytest

from proxmox_lab.refusal import Refusal
from proxmox_lab.site.nodes import named_nodes
from proxmox_lab.site.seed import cloud_template
from proxmox_lab.site.site import Rules, Site
from proxmox_lab.site.store import Store
from proxmox_lab.site.things import Storage


@pytest.fixture
def site() -> Site:
    storages = {
        "vmdata": Storage(path="/a", content=["images"]),
        "shared": Storage(path="/b", content=["images"], type="nfs", shared=True),
        "second": Storage(path="/c", content=["images"], nodes=["pve2"]),
    }
    site = Site(Rules(nodes=named_nodes(2), storages=storages))
    site.on("pve").machines[100] = cloud_template(100, "a", size=1 << 30, now=0)
    site.on("pve2").machines[200] = cloud_template(200, "b", size=1 << 30, now=0)
    site.on("pve2").machines[201] = cloud_template(201, "c", size=1 << 30, now=0, storage="shared")
    return site


def test_a_node_sees_its_own_machines_and_the_site_sees_all(site: Site) -> None:
    assert list(site.on("pve").machines) == [100]
    assert list(site.on("pve2").machines) == [200, 201]
    assert list(site.machines) == [100, 200, 201]


def test_a_machine_of_another_node_has_no_configuration_file_here(site: Site) -> None:
    with pytest.raises(Refusal, match=r"'nodes/pve/qemu-server/200.conf' does not exist"):
        site.on("pve").machine(200)


def test_an_id_is_taken_for_all_nodes(site: Site) -> None:
    assert site.on("pve2").next_free_id() == 101


def test_a_volume_is_on_its_machines_node_unless_its_storage_is_shared(site: Site) -> None:
    seen = {volid.split("/")[0] for volid, _ in site.on("pve").volumes()}

    assert seen == {"vmdata:100", "shared:201"}


def test_a_storage_is_used_only_where_it_is_allowed(site: Site) -> None:
    assert site.on("pve2").usable("second").path == "/c"
    with pytest.raises(Refusal, match="storage 'second' is not available on node 'pve'"):
        site.on("pve").usable("second")


def test_a_folder_of_a_lab_with_one_node_still_opens(tmp_path: Path) -> None:
    store = Store(tmp_path)
    (tmp_path / "site.json").write_text(
        '{"node": "pve", "bridges": {"vmbr0": "10.1.0.1/16"}, "cpus": 3, "memory": 1024,'
        ' "disk": 2048, "storages": {"local": {"path": "/x", "content": ["images"]}}}'
    )
    (tmp_path / "machines").mkdir()
    (tmp_path / "machines" / "100.json").write_text('{"vmid": 100, "config": {"name": "old"}}')

    site = store.load()

    assert site.nodes["pve"].cpus == 3
    assert site.nodes["pve"].address == "10.1.0.1"
    assert site.on("pve").machine(100).name == "old"
