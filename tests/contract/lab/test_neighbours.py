"""More neighbours of what was recorded: names, firewalls, containers, and what is not there."""

import pytest

from proxmox_lab.refusal import Refusal
from proxmox_lab.schema.table import table_of
from proxmox_lab.schema.verify import verify
from proxmox_lab.site.people import AclEntry, User
from tests.contract.lab.persons import House, Person

NODE = "/nodes/pve"
RULES = "/nodes/pve/qemu/801/firewall/rules"
CONTAINER = "/nodes/pve/lxc/555"
NO_CONTAINER = "Configuration file 'nodes/pve/lxc/555.conf' does not exist"


@pytest.mark.parametrize(
    ("method", "name", "value", "text"),
    [
        ("POST /access/users", "userid", "", "user name '' is too short"),
        ("POST /access/users", "userid", "a" * 61 + "@pve",
         f"user name '{'a' * 61}@pve' is too long (65 > 64)"),
        ("GET /access/domains/{realm}", "realm", "1a", "value does not look like a valid realm"),
        ("POST /storage", "path", "no", "value does not look like a valid absolute path"),
        ("POST /storage", "server", "a_b",
         "value does not look like a valid server name or IP address"),
        ("POST /storage", "vgname", "-x", "lvm name '-x' contains illegal characters"),
        ("POST /nodes/{node}/qemu", "affinity", "3-1", "unable to parse cpuset option"),
        ("POST /nodes/{node}/qemu", "bootdisk", "foo", "invalid boot disk 'foo'"),
        ("POST /nodes/{node}/qemu/{vmid}/migrate", "migration_network", "10.0.0.1",
         "value does not look like a valid CIDR network"),
        ("POST /cluster/firewall/rules", "proto", "nope", "unknown protocol 'nope'"),
        ("POST /cluster/firewall/rules", "icmp-type", "no", "invalid icmp-type value 'no'"),
        ("POST /cluster/firewall/rules", "dport", "9:1",
         "backwards range '9:1' not allowed, did you mean '1:9'?"),
        ("POST /cluster/firewall/rules", "dport", "1,", "extraneous commas in list"),
        ("POST /cluster/firewall/rules", "dport", "1,redirect",
         "ICMP ports not allowed in port range"),
        ("POST /cluster/firewall/rules", "sport", "1:70000", "invalid port '70000'"),
        ("POST /cluster/firewall/rules", "source", "10.0.0.1,::1",
         "detected mixed ipv4/ipv6 addresses in address list '10.0.0.1,::1'"),
        ("POST /cluster/firewall/rules", "dest", "10.0.0.1-10.0.0.2,10.0.0.9",
         "you can't use a range in a list"),
    ],
)  # fmt: skip
def test_a_format_is_refused_in_its_own_words(
    method: str, name: str, value: str, text: str
) -> None:
    with pytest.raises(Refusal) as refused:
        verify(table_of(9).methods[method], {name: value}, table_of(9))

    assert (refused.value.errors or {})[name] == f"invalid format - {text}\n"


@pytest.mark.parametrize(
    ("method", "name", "value"),
    [
        ("POST /nodes/{node}/qemu", "affinity", "0,2-3"),
        ("POST /nodes/{node}/qemu", "bootdisk", "virtio15"),
        ("POST /nodes/{node}/qemu", "cpu", "host,phys-bits=46"),
        ("POST /storage", "server", "nas.example.org"),
        ("POST /storage", "server", "fd00::1"),
        ("POST /cluster/firewall/rules", "dport", "22,80:90,https"),
        ("POST /cluster/firewall/rules", "dport", "echo-request"),
        ("POST /cluster/firewall/rules", "source", "10.0.0.1-10.0.0.9"),
    ],
)
def test_a_value_that_fits_its_format_is_not_complained_of(
    method: str, name: str, value: str
) -> None:
    try:
        verify(table_of(9).methods[method], {name: value}, table_of(9))
        errors: dict[str, str] = {}
    except Refusal as refused:
        errors = dict(refused.errors or {})

    assert name not in errors


@pytest.mark.parametrize(
    ("rule", "errors"),
    [
        ({"icmp-type": "redirect"},
         {"proto": "missing property - 'icmp-type' requires this property"}),
        ({"icmp-type": "redirect", "proto": "tcp"},
         {"proto": "missing property - 'icmp-type' requires this property"}),
        ({"icmp-type": "redirect", "proto": "icmp", "dport": "any"},
         {"icmp-type": "'icmp-type' cannot be specified together with 'dport'"}),
        ({"icmp-type": "no-route", "proto": "icmp"},
         {"icmp-type": "invalid icmp-type 'no-route' for proto 'icmp'"}),
    ],
)  # fmt: skip
async def test_what_a_control_packet_is_about_goes_with_its_protocol(
    house: House, rule: dict[str, str], errors: dict[str, str]
) -> None:
    _, _, body = await house.root.ask("POST", RULES, type="in", action="DROP", **rule)

    assert body["errors"] == errors


@pytest.mark.parametrize(
    "place", [f"{NODE}/firewall", f"{CONTAINER}/firewall", "/cluster/firewall"]
)
async def test_each_firewall_keeps_its_own_rules_and_options(house: House, place: str) -> None:
    await house.root.ask("POST", f"{place}/rules", type="in", action="ACCEPT")
    await house.root.ask("PUT", f"{place}/options", enable="1")

    _, _, rules = await house.root.ask("GET", f"{place}/rules")
    _, _, options = await house.root.ask("GET", f"{place}/options")
    unknown = await house.root.ask("PUT", f"{place}/options", delete="nope")
    needed = await house.root.ask("PUT", f"{place}/rules/0", delete="action")
    other = await house.root.ask("PUT", f"{place}/rules/0", delete="nope")
    _, _, elsewhere = await house.root.ask("GET", RULES)

    assert [rule["action"] for rule in rules["data"]] == ["ACCEPT"]
    assert options["data"]["enable"] == 1
    assert unknown[2]["errors"] == {"delete": "no such option 'nope'"}
    assert needed[2]["errors"] == {"delete": "unable to delete required property 'action'"}
    assert other[2]["errors"] == {"delete": "no such property ('nope')"}
    assert elsewhere["data"] == []


@pytest.mark.parametrize(
    ("verb", "path", "form", "reason"),
    [
        ("GET", "/pending", {}, NO_CONTAINER),
        ("GET", "/snapshot", {}, NO_CONTAINER),
        ("PUT", "/config", {"cores": "2"}, NO_CONTAINER),
        ("PUT", "/config", {}, "no options specified"),
        ("PUT", "/resize", {"disk": "rootfs", "size": "+1G"}, NO_CONTAINER),
        ("POST", "/status/stop", {}, "CT 555 not running"),
        ("POST", "/status/shutdown", {}, "CT 555 not running"),
        ("POST", "/status/reboot", {}, "VM 555 not running"),
        ("POST", "/snapshot", {"snapname": "vzdump"},
         "unable to use snapshot name 'vzdump' (reserved name)"),
    ],
)  # fmt: skip
async def test_a_missing_container_is_refused_as_each_method_does(
    house: House, verb: str, path: str, form: dict[str, str], reason: str
) -> None:
    answer = await house.root.ask(verb, f"{CONTAINER}{path}", **form)

    assert answer[:2] == (500, reason)


@pytest.mark.parametrize(
    ("path", "reason"),
    [
        ("/cluster/ha/groups", "cannot index groups: ha groups have been migrated to rules"),
        ("/cluster/ha/resources/9000", "no such resource 'vm:9000'"),
        ("/cluster/ha/resources/777", "unable do add resource - VM/CT 777 does not exist"),
        ("/cluster/ha/rules/apart", "no such ha rule 'apart'"),
        ("/cluster/mapping/usb/stick", "mapping 'stick' not found"),
        ("/cluster/metrics/server/graphs", "status server entry 'graphs' does not exist"),
        ("/access/users/ann@nope/tfa", "auth domain 'nope' does not exist"),
        ("/access/tfa/ann@pve", "no such user ('ann@pve')"),
    ],
)
async def test_what_a_small_site_has_none_of_is_named(house: House, path: str, reason: str) -> None:
    assert (await house.root.ask("GET", path))[:2] == (500, reason)


@pytest.mark.parametrize(
    "path",
    ["/access/tfa", "/access/tfa/root@pam", "/cluster/acme/account", "/cluster/ha/rules",
     "/cluster/jobs/realm-sync", "/cluster/mapping/dir", "/cluster/metrics/server",
     "/cluster/sdn/controllers"],
)  # fmt: skip
async def test_what_there_is_none_of_is_an_empty_list(house: House, path: str) -> None:
    status, _, body = await house.root.ask("GET", path)

    assert (status, body["data"]) == (200, [])


@pytest.mark.parametrize(
    "path",
    ["/access/openid", "/cluster/acme", "/cluster/config", "/cluster/ha", "/cluster/jobs",
     "/cluster/mapping", "/cluster/metrics", "/cluster/sdn", f"{NODE}/apt", f"{NODE}/disks",
     f"{NODE}/hardware", f"{NODE}/scan", f"{NODE}/firewall", CONTAINER],
)  # fmt: skip
async def test_an_index_names_what_is_below_it(house: House, path: str) -> None:
    status, _, body = await house.root.ask("GET", path)

    assert status == 200
    assert all(len(entry) == 1 for entry in body["data"])


async def _ann_with(house: House, role: str, path: str = "/") -> Person:
    rules = house.lab.site.rules
    rules.users["ann@pve"] = User()
    rules.acl.append(AclEntry(path=path, kind="user", who="ann@pve", role=role))
    return house.person("ann@pve")


async def test_a_backup_is_told_where_to_by_root_alone(house: House) -> None:
    ann = await _ann_with(house, "PVEVMAdmin", "/vms")
    vzdump = f"{NODE}/vzdump"

    script = await ann.ask("POST", vzdump, vmid="9000", script="/bin/true")
    slow = await ann.ask("POST", vzdump, vmid="9000", bwlimit="1")
    piped = await house.root.ask("POST", vzdump, vmid="9000", stdout="1")

    assert script[2]["errors"] == {"script": "Only root may set this option."}
    assert slow[:2] == (403, "Permission check failed (/, Sys.Modify)")
    assert piped[2]["errors"] == {"stdout": "option is only allowed on the command line interface."}


async def test_a_pool_is_empty_once_its_machines_are_gone(house: House) -> None:
    await house.root.ask("POST", "/pools", poolid="yard")
    await house.root.ask("PUT", "/pools/yard", vms="777", storage="local")

    filled = await house.root.ask("DELETE", "/pools/yard")
    await house.root.ask("PUT", "/pools/yard", storage="local", delete="1")
    empty = await house.root.ask("DELETE", "/pools/yard")

    why = "delete pool failed: pool 'yard' is not empty (contains storage 'local')"
    assert filled[:2] == (500, why)
    assert empty[0] == 200


async def test_a_realm_is_asked_for_when_it_is_to_keep_a_password(house: House) -> None:
    kept = await house.root.ask("POST", "/access/users", userid="a@nope", password="long-enough")
    bare = await house.root.ask("POST", "/access/users", userid="a@nope")
    _, _, listed = await house.root.ask("GET", "/access/users")

    assert kept[:2] == (500, "create user failed: auth domain 'nope' does not exist")
    assert bare[0] == 200
    assert all("realm-type" not in user for user in listed["data"] if user["userid"] == "a@nope")


@pytest.mark.parametrize(
    ("vmid", "lock", "target", "reason"),
    [
        (777, None, "far", "no such cluster node 'far'"),
        (801, "backup", "far", "no such cluster node 'far'"),
        (801, "backup", "pve", "Parameter verification failed."),
    ],
)
async def test_where_to_move_a_machine_is_judged_before_the_machine(
    house: House, vmid: int, lock: str | None, target: str, reason: str
) -> None:
    await house.root.ask("POST", f"{NODE}/qemu", vmid="801")
    if lock:
        await house.root.ask("PUT", f"{NODE}/qemu/801/config", lock=lock)

    answer = await house.root.ask("POST", f"{NODE}/qemu/{vmid}/migrate", target=target)

    assert answer[1] == reason


@pytest.mark.parametrize(
    ("verb", "path", "form", "reason"),
    [
        ("DELETE", "/cluster/firewall/groups/none", {}, "no such security group 'none'"),
        ("PUT", "/storage/local", {"delete": "path"},
         "update storage failed: unable to delete required option 'path'"),
        ("PUT", "/storage/local", {"delete": "nope"},
         "update storage failed: no such option 'nope'"),
        ("DELETE", f"{NODE}/storage/local/content/nope", {},
         "unable to parse directory volume name 'nope'"),
        ("GET", f"{NODE}/storage/local/content/local:nope", {},
         "unable to parse directory volume name 'nope'"),
    ],
)  # fmt: skip
async def test_a_name_that_means_nothing_is_refused(
    house: House, verb: str, path: str, form: dict[str, str], reason: str
) -> None:
    assert (await house.root.ask(verb, path, **form))[:2] == (500, reason)
