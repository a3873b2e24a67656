"""Refusals that the recordings do not hold: variants of what they do hold."""

import pytest
from proxmoxer.core import ResourceException

from proxmox_lab.release import nearest
from proxmox_lab.replay.recorded_site import recorded_site
from tests.contract.lab.conftest import Site
from tests.contract.lab.persons import House
from tests.contract.lab.test_proxmoxer import clone

VM = "/nodes/pve/qemu"
NOT_THERE = "unable to find configuration file for VM 777 on node 'pve'"
NO_FILE = "Configuration file 'nodes/pve/qemu-server/777.conf' does not exist"
CHANGED = "checksum mismatch (file change by other user?)"


@pytest.mark.parametrize("verb", ["reboot", "reset", "suspend", "resume"])
async def test_a_missing_machine_is_not_called_a_stopped_one(house: House, verb: str) -> None:
    answer = await house.root.ask("POST", f"{VM}/777/status/{verb}")

    assert answer[:2] == (500, NOT_THERE)


async def ended(house: House, upid: str) -> str:
    node = upid.split(":")[1]
    task = house.lab.tasks.find(upid)
    assert task is not None
    assert task.work is not None
    await task.work
    return str(
        (await house.root.ask("GET", f"/nodes/{node}/tasks/{upid}/status"))[2]["data"]["exitstatus"]
    )


@pytest.mark.parametrize(
    ("verb", "path", "form"),
    [
        ("DELETE", "/snapshot/s1", {}),
        ("POST", "/snapshot/s1/rollback", {}),
        ("PUT", "/resize", {"disk": "scsi0", "size": "+1G"}),
    ],
)
async def test_a_missing_machine_shows_in_the_task(
    house: House, verb: str, path: str, form: dict[str, str]
) -> None:
    status, _, body = await house.root.ask(verb, f"{VM}/777{path}", **form)

    assert status == 200
    assert await ended(house, body["data"]) == NO_FILE


async def test_a_machine_is_not_made_for_an_unknown_pool(house: House) -> None:
    answer = await house.root.ask("POST", VM, vmid="801", pool="nosuch")

    assert answer[:2] == (403, "Permission check failed (pool 'nosuch' does not exist)")
    assert 801 not in house.lab.site.cluster


@pytest.mark.parametrize(
    ("userid", "text"),
    [
        ("", "user name '' is too short"),
        ("norealm", "value 'norealm' does not look like a valid user name"),
        (f"{'a' * 61}@pve", f"user name '{'a' * 61}@pve' is too long (65 > 64)"),
    ],
)
async def test_a_users_name_is_judged_by_its_length_first(
    site: Site, userid: str, text: str
) -> None:
    with pytest.raises(ResourceException) as refused:
        await site.call(site.api.access.users.post, userid=userid)

    assert (refused.value.status_code, refused.value.content) == (500, text)


@pytest.mark.parametrize("name", ["stateuri", "migratedfrom", "migration_network"])
async def test_what_only_a_migration_says_is_refused_to_tokens(site: Site, name: str) -> None:
    values = {"stateuri": "tcp", "migratedfrom": "pve", "migration_network": "10.0.0.0/24"}
    await clone(site)
    call = site.api.nodes("pve").qemu(900000).status.start.post

    with pytest.raises(ResourceException) as refused:
        await site.call(call, **{name: values[name]})

    assert refused.value.errors == {name: "Only root may use this option."}


async def test_a_disk_is_not_grown_if_the_machine_was_changed_meanwhile(house: House) -> None:
    form = {"disk": "scsi0", "size": "+1G", "digest": "0" * 40}
    _, _, body = await house.root.ask("PUT", f"{VM}/9000/resize", **form)

    assert await ended(house, body["data"]) == CHANGED


async def test_an_unknown_kind_of_content_is_refused(house: House) -> None:
    _, _, body = await house.root.ask("GET", "/nodes/pve/storage", content="images,bogus")

    assert body["errors"] == {"content": "invalid format - invalid content type 'bogus'\n"}


@pytest.mark.parametrize(
    ("form", "errors"),
    [
        ({"memory": ""}, {"memory": "memory.current: property is missing and it is not optional"}),
        ({"net0": ""}, {"net0": "net0.model: property is missing and it is not optional"}),
        ({"ipconfig0": "ip=dhcp,,"}, None),
        ({"ipconfig0": ""}, None),
    ],
)
async def test_empty_parts_of_a_property_string_count_for_nothing(
    house: House, form: dict[str, str], errors: dict[str, str] | None
) -> None:
    await house.root.ask("POST", VM, vmid="801")
    _, _, body = await house.root.ask("PUT", f"{VM}/801/config", **form)

    wanted = errors and {k: f"invalid format - format error\n{v}\n" for k, v in errors.items()}
    assert body.get("errors") == wanted


@pytest.mark.parametrize(
    ("node", "why"),
    [
        ("nosuch", "Temporary failure in name resolution"),
        ("bad_name!", "Name or service not known"),
    ],
)
async def test_an_unknown_node_is_looked_up_where_there_is_no_resolver(
    house: House, node: str, why: str
) -> None:
    answer = await house.root.ask("GET", f"/nodes/{node}/qemu")

    text = f"hostname lookup '{node}' failed - failed to get address info for: {node}: {why}"
    assert answer[:2] == (500, text)


@pytest.mark.parametrize(
    ("version", "played"), [("7.4", "8.4"), ("8.1.3", "8.4"), ("9.0", "9.2"), ("?", "9.2")]
)
def test_the_nearest_release_is_near(version: str, played: str) -> None:
    assert nearest(version).short == played


def test_a_session_of_an_unknown_source_begins_at_the_site_as_it_was_laid_out() -> None:
    site = recorded_site(major=9, source="somebody")

    assert "description" not in site.machines[9000].config
    assert site.machines.keys() == {9000, 9001}


async def test_a_form_finds_the_machine_types_it_offers(house: House) -> None:
    _, _, named = await house.root.ask("GET", "/nodes/pve/capabilities/qemu")
    _, _, found = await house.root.ask("GET", "/nodes/pve/capabilities/qemu/machines")

    assert {"name": "machines"} in named["data"]
    assert {tuple(kind) for kind in found["data"]} == {("id", "type", "version")}
    assert {kind["type"] for kind in found["data"]} == {"i440fx", "q35"}


async def test_a_storage_has_figures_over_time(house: House) -> None:
    path = "/nodes/pve/storage/{}/rrddata"
    _, _, body = await house.root.ask("GET", path.format("local"), timeframe="hour")
    missing = await house.root.ask("GET", path.format("nosuch"), timeframe="hour")

    assert set(body["data"][-1]) == {"time", "total", "used"}
    assert missing[0] == 500


async def test_a_protected_machine_keeps_its_disks(house: House) -> None:
    await house.root.ask("POST", VM, vmid="801", scsi0="vmdata:1", scsi1="vmdata:1")
    await house.root.ask("PUT", f"{VM}/801/config", delete="scsi1")
    await house.root.ask("PUT", f"{VM}/801/config", protection="1")
    unused = house.lab.site.cluster[801].config["unused0"]

    drive = await house.root.ask("PUT", f"{VM}/801/config", delete="scsi0")
    parked = await house.root.ask("PUT", f"{VM}/801/unlink", idlist="unused0")

    assert drive[:2] == (500, "can't remove drive 'scsi0' - protection mode enabled")
    assert parked[:2] == (500, f"can't remove unused disk '{unused}' - protection mode enabled")
    assert {"scsi0", "unused0"} <= house.lab.site.cluster[801].config.keys()


async def test_a_users_address_has_to_look_like_one(house: House) -> None:
    wrong = await house.root.ask("POST", "/access/users", userid="a@pve", email="nobody")
    right = await house.root.ask("POST", "/access/users", userid="a@pve", email="a.b+c@d.example")
    none = await house.root.ask("PUT", "/access/users/a@pve", email="")

    text = "invalid format - value does not look like a valid email address\n"
    assert wrong[2]["errors"] == {"email": text}
    assert (right[0], none[0]) == (200, 200)


async def test_an_interface_is_told_by_its_name(house: House) -> None:
    _, _, listed = await house.root.ask("GET", "/nodes/pve/network")
    _, _, found = await house.root.ask("GET", "/nodes/pve/network/vmbr0")
    _, _, missing = await house.root.ask("GET", "/nodes/pve/network/vmbr77")

    assert {"iface": "vmbr0"} | found["data"] in listed["data"]
    assert missing["errors"] == {"iface": "interface does not exist"}


async def test_what_an_index_names_can_be_read(house: House) -> None:
    status, _, found = await house.root.ask("GET", "/cluster/ha/status")
    moves = await house.root.ask("GET", "/nodes/pve/capabilities/qemu/migration")

    assert status == 200
    assert {"name": "current"} in found["data"]
    assert moves[2]["data"] == {"has-dbus-vmstate": 1}


async def test_making_a_machine_takes_the_rights_to_its_settings(house: House) -> None:
    await house.root.ask("POST", "/access/users", userid="ann@pve")
    await house.root.ask("POST", "/access/roles", roleid="Maker", privs="VM.Allocate")
    await house.root.ask("POST", "/access/roles", roleid="Cook", privs="VM.Allocate,VM.Config.CPU")
    await house.root.ask("PUT", "/access/acl", path="/vms", users="ann@pve", roles="Maker")
    await house.root.ask("POST", "/pools", poolid="kitchen")
    await house.root.ask("PUT", "/access/acl", path="/pool/kitchen", users="ann@pve", roles="Cook")
    ann = house.person("ann@pve")

    refused = await ann.ask("POST", VM, vmid="801", cores="2")
    root_only = await ann.ask("POST", VM, vmid="801", args="-foo")
    pooled = await ann.ask("POST", VM, vmid="802", cores="2", pool="kitchen")
    elsewhere = await ann.ask("POST", VM, vmid="803", memory="64", pool="kitchen")
    bare = await ann.ask("POST", VM, vmid="804")

    assert refused[:2] == (403, "Permission check failed (/vms/801, VM.Config.CPU)")
    assert root_only[:2] == (500, "only root can set 'args' config")
    assert elsewhere[:2] == (403, "Permission check failed (/vms/803, VM.Config.Memory)")
    assert (pooled[0], bare[0]) == (200, 200)
