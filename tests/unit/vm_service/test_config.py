"""A VM's configuration as Proxmox wants it: absolute, complete, and vetted."""

from dataclasses import replace
from ipaddress import IPv4Address, IPv4Interface, IPv6Address, IPv6Interface, IPv6Network
from urllib.parse import unquote

import pytest

from common.contracts.hypervisor import Assignment, HypervisorSettings, Network
from tests.fakes.vm_service import HOST_KEY, SPEC
from vm_service.adapters.proxmox.config import changed_card, config, ipconfig
from vm_service.adapters.proxmox.paths import node_path, task_path, vm_path
from vm_service.adapters.proxmox.site import Site
from vm_service.adapters.proxmox.vetting import vetted, vetted_keys
from vm_service.domain.placement import Place
from vm_service.domain.trouble import Trouble
from vm_service.domain.vm import Order

NETWORK = Network(
    gateway=IPv4Address("10.77.0.1"),
    vlan=7,
    subnet6=IPv6Network("fd00::/64"),
    gateway6=IPv6Address("fd00::1"),
    nameservers=(IPv4Address("1.1.1.1"), IPv6Address("fd00::53")),
    search_domain="example.org",
)
NET = Assignment(
    network=NETWORK,
    address=IPv4Interface("10.77.0.9/16"),
    address6=IPv6Interface("fd00::9/64"),
)
SITE = Site(
    settings=HypervisorSettings(
        url="https://pve.example:8006", token_id="yard@pve!yard", token_secret="x"
    ),
    guest_user="yard",
    ssh_keys=f"{HOST_KEY} yard@here",
)
ORDER = Order(
    vmid=900_000,
    place=Place(node="pve", template=9000, template_node="pve"),
    name="lobby",
    description="spawnyard:home:srv_1:op_1\nports: udp/30000",
    plan=SPEC.plan,
    net=NET,
    onboot=True,
)
CARD = "virtio=BC:24:11:46:FD:9E,bridge=vmbr0,firewall=1"


def test_everything_is_said_in_proxmoxs_own_manner():
    sent = vetted(config(ORDER, SITE, CARD))

    assert unquote(str(sent.pop("sshkeys"))) == SITE.ssh_keys
    assert sent == {
        "name": "lobby",
        "description": ORDER.description,
        "cores": 2,
        "memory": 2048,
        "onboot": 1,
        "agent": "enabled=1",
        "net0": f"{CARD},tag=7",
        "ipconfig0": "ip=10.77.0.9/16,gw=10.77.0.1,ip6=fd00::9/64,gw6=fd00::1",
        "nameserver": "1.1.1.1 fd00::53",
        "searchdomain": "example.org",
        "ciuser": "yard",
        "ciupgrade": 0,
    }


def test_a_cpu_is_named_only_where_the_game_needs_one():
    sent = vetted(config(replace(ORDER, cpu_type="host"), SITE, CARD))

    assert sent["cpu"] == "host"
    assert "cpu" not in vetted(config(ORDER, SITE, CARD))


@pytest.mark.parametrize(
    ("now", "network", "then"),
    [
        (CARD, Network(), None),
        (CARD, Network(bridge="vmbr1"), CARD.replace("vmbr0", "vmbr1")),
        (CARD, Network(vlan=7), f"{CARD},tag=7"),
        (f"{CARD},tag=7", Network(vlan=7), None),
        (f"{CARD},tag=7", Network(), CARD),
        ("", Network(), "virtio,bridge=vmbr0"),
        ("virtio=BC:24:11:46:FD:9E", Network(), "virtio=BC:24:11:46:FD:9E,bridge=vmbr0"),
    ],
)
def test_the_card_is_moved_and_keeps_its_address(now: str, network: Network, then: str | None):
    assert changed_card(now, network) == then


def test_by_dhcp_the_guest_is_told_to_ask():
    lan = Network(mode="dhcp")

    assert ipconfig(Assignment(network=lan)) == "ip=dhcp"
    both = NETWORK.model_copy(update={"mode": "dhcp"})
    assert ipconfig(Assignment(network=both)) == "ip=dhcp,ip6=auto"


@pytest.mark.parametrize(
    "keys",
    [
        "",
        "# a comment",
        f"{HOST_KEY}\n# a comment",
        f"{HOST_KEY}\x00",
        f"{HOST_KEY} a\rb",
        'command="reboot" ' + HOST_KEY,
        "ssh-ed25519 AAAA$(reboot)",
    ],
)
def test_only_keys_get_into_the_guests(keys: str):
    with pytest.raises(Trouble, match="SSH key"):
        vetted_keys(keys)


def test_several_keys_are_fine():
    keys = f"{HOST_KEY} one two\n{HOST_KEY}\n"

    assert vetted_keys(keys) == keys


@pytest.mark.parametrize("node", ["..", "a/b", "", "a b", "a%2fb", "-a", "a\n", "ä", "x" * 64])
def test_a_nodes_name_never_leads_elsewhere(node: str):
    with pytest.raises(Trouble):
        node_path(node, "tasks")


@pytest.mark.parametrize("vmid", [-1, 0, 99, 1_000_000_000])
def test_a_vm_id_is_a_vm_id(vmid: int):
    with pytest.raises(Trouble):
        vm_path("pve", vmid)


@pytest.mark.parametrize(
    "upid",
    [
        "",
        "UPID:..:00000001:00000001:00000001:qmstart:1:a@pve:/../../x:",
        "UPID:pve:00000001:00000001:00000001:qmstart:1:a@pve!t:\n",
        "UPID:pve:1:1:1:qmstart:1:a@pve!t:",
        "UPID:pve:00000001:00000001:00000001:qm/start:1:a@pve!t:",
        "UPID:pve:00000001:00000001:00000001:qmstart:1?:a@pve!t:",
    ],
)
def test_a_tasks_id_is_a_tasks_id(upid: str):
    with pytest.raises(Trouble):
        task_path(upid)


def test_paths_lead_where_they_say():
    upid = "UPID:pve-1:00000001:000000012:00000001:qmclone:9000:yard@pve!yard:"

    assert vm_path("pve-1", 101, "status/current") == "nodes/pve-1/qemu/101/status/current"
    assert vm_path("pve-1", 101) == "nodes/pve-1/qemu/101"
    assert task_path(upid, "log") == f"nodes/pve-1/tasks/{upid}/log"


def test_a_name_that_is_none_is_not_sent():
    with pytest.raises(Trouble, match="name is not sent"):
        vetted(config(replace(ORDER, name="a_b\nruncmd: []"), SITE, ""))


def test_a_guest_with_a_key_of_its_own_lets_in_nobody_else_but_the_operators():
    own, theirs = f"{HOST_KEY} server", f"{HOST_KEY} operator"
    site = replace(SITE, operator_keys=theirs)

    def let_in(order: Order, site: Site) -> list[str]:
        return unquote(str(config(order, site, CARD)["sshkeys"])).split("\n")

    assert let_in(replace(ORDER, ssh_key=own), SITE) == [own]
    assert let_in(replace(ORDER, ssh_key=own), site) == [own, theirs]
    assert let_in(ORDER, site) == [SITE.ssh_keys, theirs]
