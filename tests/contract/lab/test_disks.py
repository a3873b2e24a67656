"""A machine's disks and cards: moved, taken out, unplugged, and what is refused on the way."""

from typing import Any

import pytest
from proxmoxer.core import ResourceException

from proxmox_lab.site.store import Store
from proxmox_lab.site.things import Machine
from tests.contract.lab.conftest import Site
from tests.contract.lab.test_proxmoxer import clone


@pytest.fixture
async def machine(site: Site) -> Any:
    await clone(site, full=1)
    return site.api.nodes("pve").qemu(900000)


async def test_a_moved_disk_leaves_the_old_one_unused_until_it_is_unlinked(
    site: Site, machine: Any
) -> None:
    upid = await site.call(machine.move_disk.post, disk="scsi0", storage="local")
    assert (await site.finished(upid))["exitstatus"] == "OK"

    config = await site.call(machine.config.get)
    assert config["scsi0"].startswith("local:900000/")
    assert config["unused0"].startswith("vmdata:900000/")
    await site.call(machine.unlink.put, idlist="unused0")
    assert "unused0" not in await site.call(machine.config.get)
    assert not any(v.startswith("vmdata:") and "disk" in v for v in volumes(site))


def volumes(site: Site) -> list[str]:
    return list(site.lab.site.cluster[900000].volumes)


@pytest.mark.parametrize(
    ("wish", "text"),
    [
        ({"disk": "scsi0", "storage": "vmdata"},
         "you can't move to the same storage with same format"),
        ({"disk": "scsi9", "storage": "local"}, "disk 'scsi9' does not exist"),
        ({"disk": "ide2", "storage": "local"}, "you can't move a cdrom"),
    ],
)  # fmt: skip
async def test_a_move_that_makes_no_sense_is_refused(
    site: Site, machine: Any, wish: dict[str, str], text: str
) -> None:
    with pytest.raises(ResourceException) as refused:
        await site.call(machine.move_disk.post, **wish)

    assert (refused.value.status_code, refused.value.content) == (500, text)


async def test_a_guest_that_does_not_let_go_of_its_card_keeps_it_until_it_stops(
    site: Site, machine: Any
) -> None:
    await site.finished(await site.call(machine.status.start.post))
    site.guests.made[900000].deaf = True

    with pytest.raises(ResourceException) as refused:
        await site.call(machine.config.put, net0="e1000,bridge=vmbr0")

    assert refused.value.errors is not None
    assert "hot-unplugging device 'net0'" in refused.value.errors["net0"]
    assert (await site.call(machine.config.get, current=1))["net0"].startswith("virtio=")
    await site.finished(await site.call(machine.status.stop.post))
    assert (await site.call(machine.config.get))["net0"].startswith("e1000=")


async def test_the_cloud_init_drive_tells_who_is_let_in(site: Site, machine: Any) -> None:
    await site.call(
        machine.config.put, ciuser="root", ciupgrade=0, ipconfig0="ip=dhcp,ip6=auto", name="a.b"
    )

    user = await site.call(machine.cloudinit.dump.get, type="user")
    network = await site.call(machine.cloudinit.dump.get, type="network")

    assert user == (
        "#cloud-config\nhostname: a\nmanage_etc_hosts: true\nfqdn: a.b\nuser: root\n"
        "chpasswd:\n  expire: False\n"
    )
    assert "      - type: dhcp4\n      - type: ipv6_slaac\n" in network


async def test_a_machine_is_called_a_template_before_its_disk_is_one(
    site: Site, machine: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    saved: list[tuple[str | None, bool]] = []
    store = type(site.lab.store)
    save_machine = store.save_machine

    def save(self: Store, machine: Machine) -> None:
        saved.append((machine.config.get("template"), "/base-" in machine.config["scsi0"]))
        save_machine(self, machine)

    monkeypatch.setattr(store, "save_machine", save)
    upid = await site.call(machine.template.post)

    assert (await site.finished(upid))["exitstatus"] == "OK"
    assert saved == [("1", False), ("1", True)]
