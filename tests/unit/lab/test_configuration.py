"""What goes into a machine's configuration, and what a guest gets out of it."""

from pathlib import Path
from urllib.parse import quote

import pytest

from proxmox_lab.machines import values
from proxmox_lab.machines.cloud_init import guest_config, ports_of
from proxmox_lab.machines.sizes import in_bytes, shown
from proxmox_lab.refusal import Refusal
from proxmox_lab.site.seed import cloud_template

KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGm5Yx0H9KkzDkQ9dV1eJ7n2vX6J5wqkU3o0mZs5o7aB yard"


@pytest.mark.parametrize("keys", [KEY, f"\n\n{KEY}\r\n{KEY}\n", f'from="10.0.0.1" {KEY}', ""])
def test_keys_that_ssh_reads_are_taken(keys: str) -> None:
    values.refuse("sshkeys", quote(keys, safe=""))


@pytest.mark.parametrize(
    "keys", ["# comment", f"{KEY}\ngarbage", KEY.lower(), "ssh-ed25519 AAAA", quote(KEY)]
)
def test_keys_that_ssh_cannot_read_are_refused(keys: str) -> None:
    with pytest.raises(Refusal, match="SSH public key validation error"):
        values.refuse("sshkeys", quote(keys, safe=""))


def test_tags_are_stored_lower_case_sorted_and_once() -> None:
    assert values.stored("tags", "Zed;alpha ALPHA,b") == "alpha;b;zed"


def test_a_network_card_keeps_its_address_or_gets_one() -> None:
    given = values.stored("net0", "virtio=AA:BB:CC:DD:EE:F0,bridge=vmbr0,tag=10")
    rolled = values.stored("net0", "virtio,bridge=vmbr0")

    assert given == "virtio=AA:BB:CC:DD:EE:F0,bridge=vmbr0,tag=10"
    assert rolled.startswith("virtio=BC:24:11:")
    assert rolled.endswith(",bridge=vmbr0")


def test_a_password_is_never_stored_as_it_came() -> None:
    stored = values.stored("cipassword", "secret")

    assert stored.startswith("$5$")
    assert "secret" not in stored


def test_a_guest_learns_its_cloud_init_fields(tmp_path: Path) -> None:
    machine = cloud_template(100, "debian", size=2 << 30, now=0)
    machine.config |= {
        "ciuser": "yard",
        "sshkeys": quote(f"{KEY}\n", safe=""),
        "ipconfig0": "ip=10.77.0.5/16,gw=10.77.0.1",
        "nameserver": "10.77.0.1 1.1.1.1",
        "description": "spawnyard:i:s:o\nports: udp/30000 tcp/25565",
    }

    config = guest_config(machine, tmp_path)

    assert (config.user, config.ssh_keys) == ("yard", (KEY,))
    assert (config.address, config.gateway) == ("10.77.0.5/16", "10.77.0.1")
    assert config.nameservers == ("10.77.0.1", "1.1.1.1")
    assert config.ports == (("udp", 30000), ("tcp", 25565))
    assert config.mac in machine.config["net0"]


def test_a_guest_on_dhcp_has_no_address_of_its_own(tmp_path: Path) -> None:
    machine = cloud_template(100, "debian", size=2 << 30, now=0)
    machine.config["ipconfig0"] = "ip=dhcp"

    assert guest_config(machine, tmp_path).address is None


@pytest.mark.parametrize("text", ["", "ports:", "see ports: none", "no ports here udp/1"])
def test_a_description_without_a_ports_line_asks_for_none(text: str) -> None:
    assert ports_of(text) == ()


@pytest.mark.parametrize(("text", "size"), [("2G", 2 << 30), ("1.5G", 3 << 29), ("512", 512)])
def test_sizes_are_read_and_written(text: str, size: int) -> None:
    assert in_bytes(text) == size
    assert in_bytes(shown(size)) == size
