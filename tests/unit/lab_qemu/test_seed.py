import io
import json
from pathlib import Path

import pycdlib
import pytest

from proxmox_lab.guests.qemu.seed import Seed, seed_of, write_seed
from tests.unit.lab_qemu.configs import config


def user_data(seed: Seed) -> dict[str, object]:
    header, _, body = seed.user_data.partition("\n")
    assert header == "#cloud-config"
    return json.loads(body)


def test_the_user_gets_his_keys_and_sudo() -> None:
    told = user_data(seed_of(config(ssh_keys=("ssh-ed25519 A", "ssh-ed25519 B"))))

    assert told["users"] == [
        {
            "name": "yard",
            "ssh_authorized_keys": ["ssh-ed25519 A", "ssh-ed25519 B"],
            "sudo": "ALL=(ALL) NOPASSWD:ALL",
            "shell": "/bin/bash",
            "lock_passwd": True,
        }
    ]


def test_root_may_be_the_user() -> None:
    told = user_data(seed_of(config(user="root")))

    assert told["disable_root"] is False
    assert told["users"] == [
        {"name": "root", "ssh_authorized_keys": ["ssh-ed25519 AAAA you@example"]}
    ]


def test_the_network_is_what_ipconfig0_says() -> None:
    seed = seed_of(config(nameservers=("9.9.9.9",)))

    link = json.loads(seed.network_config)["ethernets"]["eth0"]
    assert link["match"] == {"macaddress": "bc:24:11:00:00:01"}
    assert link["addresses"] == ["10.77.0.5/16"]
    assert link["routes"] == [{"to": "0.0.0.0/0", "via": "10.77.0.1"}]
    assert link["nameservers"] == {"addresses": ["9.9.9.9"]}


def test_without_nameservers_the_guest_asks_the_networks_own() -> None:
    link = json.loads(seed_of(config()).network_config)["ethernets"]["eth0"]

    assert link["nameservers"] == {"addresses": ["10.77.255.254"]}


def test_without_an_address_dhcp_is_used() -> None:
    link = json.loads(seed_of(config(address=None, gateway=None)).network_config)

    assert link["ethernets"]["eth0"]["dhcp4"] is True


def test_the_same_configuration_is_the_same_instance() -> None:
    assert seed_of(config()) == seed_of(config())
    assert seed_of(config()) == seed_of(config(cores=1, memory_mib=512))


@pytest.mark.parametrize(
    "change", [{"name": "b"}, {"ssh_keys": ()}, {"address": "10.77.0.6/16"}, {"user": "other"}]
)
def test_another_seed_is_another_instance(change: dict[str, object]) -> None:
    changed = json.loads(seed_of(config(**change)).meta_data)["instance-id"]

    assert changed != json.loads(seed_of(config()).meta_data)["instance-id"]


def test_no_value_breaks_out_of_its_place() -> None:
    nasty = 'k"\nruncmd: [reboot]\n- x: {y: [#'

    told = user_data(seed_of(config(ssh_keys=(nasty,))))

    assert "runcmd" not in told
    assert told["users"][0]["ssh_authorized_keys"] == [nasty]  # type: ignore[index]


def test_the_disk_holds_the_documents_under_the_label_cloud_init_looks_for(tmp_path: Path) -> None:
    seed = seed_of(config())
    path = tmp_path / "seed.iso"

    write_seed(seed, path)
    write_seed(seed, path)

    iso = pycdlib.PyCdlib()
    iso.open(str(path))
    label = iso.pvd.volume_identifier.decode().strip()
    read: dict[str, bytes] = {}
    for name in seed.files:
        into = io.BytesIO()
        iso.get_file_from_iso_fp(into, rr_path=f"/{name}")
        read[name] = into.getvalue()
    iso.close()
    assert label == "cidata"
    assert read == seed.files
    assert [p.name for p in tmp_path.iterdir()] == ["seed.iso"]


def test_seeds_of_different_machines_are_disks_of_one_size(tmp_path: Path) -> None:
    keys = tuple(f"ssh-ed25519 {'A' * 68} {number}" for number in range(20))
    write_seed(seed_of(config()), tmp_path / "one.iso")
    write_seed(seed_of(config(ssh_keys=keys)), tmp_path / "two.iso")

    assert (tmp_path / "one.iso").stat().st_size == (tmp_path / "two.iso").stat().st_size == 1 << 20


def test_packages_may_come_from_this_machine_alone() -> None:
    told = user_data(seed_of(config(), apt_source="deb [trusted=yes] http://{gateway}:8999 ./"))

    files = told["write_files"]
    assert isinstance(files, list)
    assert files[1]["content"] == "deb [trusted=yes] http://10.77.0.1:8999 ./\n"
    assert files[1]["path"] in files[0]["content"]
    assert "write_files" not in user_data(seed_of(config()))
