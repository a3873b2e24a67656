"""Proxmox's answers, as they were recorded, and as they should never be."""

import pytest
from pydantic import JsonValue

from vm_service.adapters.proxmox.answers import INTERFACES, RESOURCES, read, sighting
from vm_service.domain.ownership import Disk
from vm_service.domain.trouble import Trouble, Verdict

GIB = 2**30


@pytest.mark.parametrize(
    ("config", "disk"),
    [
        (
            {
                "boot": "order=scsi0;net0",
                "scsi0": "local:9000/base-9000-disk-0.qcow2/120/vm-120-disk-0.qcow2,size=2G",
            },
            Disk(name="scsi0", size=2 * GIB),
        ),
        (
            {
                "boot": "order=ide2;virtio0",
                "ide2": "local:120/vm-120-cloudinit.qcow2,media=cdrom,size=4M",
                "virtio0": "lvm:vm-120-disk-0,iothread=1,size=10444M",
            },
            Disk(name="virtio0", size=10444 * 2**20),
        ),
        ({"sata0": "x:1,size=1.5T"}, Disk(name="sata0", size=1536 * GIB)),
        ({"scsi0": "x:1"}, None),
        ({}, None),
    ],
)
def test_the_system_disk_is_the_one_it_boots_from(config: dict[str, JsonValue], disk: Disk | None):
    assert sighting("pve", config).disk == disk


def test_a_clone_under_way_shows_its_lock():
    seen = sighting("pve", {"lock": "clone", "description": " qmclone temporary file"})

    assert (seen.lock, seen.disk) == ("clone", None)


def test_numbers_may_be_strings():
    [found] = read(RESOURCES, [{"vmid": "9000", "node": "pve", "type": "qemu"}])

    assert found.vmid == 9000


@pytest.mark.parametrize("answer", [None, "<html>", {"data": []}, [{"vmid": "x"}]])
def test_what_is_not_understood_proves_nothing(answer: JsonValue):
    with pytest.raises(Trouble) as trouble:
        read(RESOURCES, answer)

    assert trouble.value.verdict is Verdict.UNKNOWN


def test_interfaces_may_have_no_addresses():
    answer: JsonValue = {
        "result": [{"name": "wg0"}, {"ip-addresses": [{"ip-address": "10.0.0.1"}]}]
    }

    found = read(INTERFACES, answer).result

    assert [[a.address for a in one.addresses] for one in found] == [[], ["10.0.0.1"]]


def test_an_agents_error_in_place_of_its_answer_is_not_an_answer():
    with pytest.raises(Trouble):
        read(INTERFACES, {"result": {"error": {"class": "CommandNotFound"}}})


@pytest.mark.parametrize(
    ("volume", "is_base"),
    [
        ("local:9000/base-9000-disk-0.qcow2", True),
        ("local-zfs:base-9000-disk-0", True),
        ("local:9000/base-9000-disk-0.qcow2/900001/base-900001-disk-0.qcow2", True),
        ("local:9000/base-9000-disk-0.qcow2/900001/vm-900001-disk-0.qcow2", False),
        ("local-zfs:base-9000-disk-0/vm-900001-disk-0", False),
        ("local-lvm:vm-900001-disk-0", False),
    ],
)
def test_a_disk_others_can_rest_on_is_told_from_one_that_rests_on_another(
    volume: str, is_base: bool
):
    disk = sighting("pve", {"scsi0": f"{volume},discard=on,size=2G"}).disk

    assert disk is not None
    assert disk.base is is_base
