"""Snapshots as a client sees them: a tree, brought back whole, with refusals in their tasks."""

from typing import Any

import pytest
from proxmoxer.core import ResourceException

from proxmox_lab.guests.port import GuestConfig, GuestFailure
from tests.contract.lab.conftest import Site
from tests.contract.lab.test_proxmoxer import clone

VMID = 900000


@pytest.fixture
async def machine(site: Site) -> Any:
    await clone(site)
    return site.api.nodes("pve").qemu(VMID)


async def ended(site: Site, ask: Any, **parameters: Any) -> str:
    status = await site.finished(await site.call(ask, **parameters))
    return str(status["exitstatus"])


async def tree(site: Site, machine: Any) -> dict[str, str | None]:
    listed = await site.call(machine.snapshot.get)
    return {entry["name"]: entry.get("parent") for entry in listed}


async def test_snapshots_form_a_tree_that_heals_when_one_goes(site: Site, machine: Any) -> None:
    for name in ("first", "second", "third"):
        assert await ended(site, machine.snapshot.post, snapname=name) == "OK"
    assert await ended(site, machine.snapshot("second").rollback.post) == "OK"
    assert await ended(site, machine.snapshot.post, snapname="branch") == "OK"

    assert await tree(site, machine) == {
        "first": None,
        "second": "first",
        "third": "second",
        "branch": "second",
        "current": "branch",
    }

    assert await ended(site, machine.snapshot("second").delete) == "OK"
    assert await tree(site, machine) == {
        "first": None,
        "third": "first",
        "branch": "first",
        "current": "branch",
    }


async def test_a_rollback_brings_settings_and_files_back_and_keeps_the_description(
    site: Site, machine: Any
) -> None:
    await site.call(machine.config.put, cores=1)
    await ended(site, machine.snapshot.post, snapname="before", description="all was well")
    await site.call(machine.config.put, cores=4, description="later")
    site.guests.made[VMID].files["/srv/world"] = b"spoiled"

    assert await ended(site, machine.snapshot("before").rollback.post, start=1) == "OK"

    config = await site.call(machine.config.get)
    assert (config["cores"], config["description"], config["parent"]) == (1, "later", "before")
    guest = site.guests.made[VMID]
    assert guest.running
    assert "/srv/world" not in guest.files
    noted = await site.call(machine.snapshot("before").config.get)
    assert (noted["cores"], noted["description"]) == (1, "all was well")


async def test_memory_of_a_running_machine_gets_a_volume_of_its_own(
    site: Site, machine: Any
) -> None:
    await ended(site, machine.status.start.post)

    assert await ended(site, machine.snapshot.post, snapname="live", vmstate=1) == "OK"

    listed = await site.call(machine.snapshot.get)
    assert [entry.get("vmstate") for entry in listed] == [1, None]
    volumes = site.lab.site.machines[VMID].volumes
    assert any(name.endswith("vm-900000-state-live.raw") for name in volumes)
    await ended(site, machine.snapshot("live").delete)
    assert not any("state-live" in name for name in site.lab.site.machines[VMID].volumes)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("current", "unable to use snapshot name 'current' (reserved name)"),
        ("Pending", "unable to use snapshot name 'pending' (reserved name)"),
    ],
)
async def test_a_reserved_name_is_refused_at_once(
    site: Site, machine: Any, name: str, text: str
) -> None:
    with pytest.raises(ResourceException) as refused:
        await site.call(machine.snapshot.post, snapname=name)

    assert (refused.value.status_code, refused.value.content) == (500, text)


async def test_what_cannot_be_is_told_by_the_task(site: Site, machine: Any) -> None:
    await ended(site, machine.snapshot.post, snapname="one")
    missing = machine.snapshot("nosuch")

    assert await ended(site, machine.snapshot.post, snapname="one") == (
        "snapshot name 'one' already used"
    )
    for ask in (missing.rollback.post, missing.delete):
        assert await ended(site, ask) == "snapshot 'nosuch' does not exist"
    for ask in (missing.config.get, missing.config.put):
        with pytest.raises(ResourceException, match="snapshot 'nosuch' does not exist"):
            await site.call(ask)
    site.lab.site.machines[VMID].config["lock"] = "backup"
    assert await ended(site, machine.snapshot.post, snapname="two") == "VM is locked (backup)"


async def test_a_raw_disk_has_no_snapshots(site: Site, machine: Any) -> None:
    for volume in site.lab.site.machines[VMID].volumes.values():
        volume.format = "raw"

    text = await ended(site, machine.snapshot.post, snapname="one")

    assert text == "snapshot feature is not available"


async def test_a_snapshot_that_fails_leaves_no_volume_for_the_memory(
    site: Site, machine: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def broken(config: GuestConfig, name: str) -> None:
        raise GuestFailure(f"no {name} of {config.vmid}")

    assert await ended(site, machine.status.start.post) == "OK"
    volumes = set(site.lab.site.machine(VMID).volumes)
    monkeypatch.setattr(site.guests, "snapshot", broken)

    text = await ended(site, machine.snapshot.post, snapname="live", vmstate=1)

    assert text == f"no live of {VMID}"
    assert set(site.lab.site.machine(VMID).volumes) == volumes
    assert await tree(site, machine) == {"current": None}
