"""The data folder, its secrets, the ports, and the bus's configuration."""

import socket
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from common.contracts.topology import ACCESS
from common.security.sealing import read_sealing
from yard_cli.failure import Failure
from yard_cli.stack import nats_conf
from yard_cli.stack.folder import DataFolder
from yard_cli.stack.ports import NAMES, Ports
from yard_cli.stack.secrets import load_or_make


@pytest.fixture
def folder(tmp_path: Path) -> DataFolder:
    made = DataFolder(tmp_path / "data")
    made.make()
    return made


def test_secrets_are_made_once_and_are_their_owners_alone(folder: DataFolder):
    first = load_or_make(folder)
    second = load_or_make(folder)

    assert first == second
    for path in (folder.secrets, folder.ssh_key, folder.sealing_key):
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(folder.path.stat().st_mode) == 0o700


def test_the_key_pair_is_one_that_ssh_understands(folder: DataFolder):
    load_or_make(folder)

    derived = subprocess.run(
        ["ssh-keygen", "-y", "-f", folder.ssh_key], capture_output=True, text=True, check=True
    )

    public = folder.ssh_key.with_suffix(".pub").read_text()
    assert derived.stdout.split()[:2] == public.split()[:2]


def test_the_sealing_key_is_made_once_and_the_services_can_use_it(folder: DataFolder):
    load_or_make(folder)
    sealed = read_sealing(folder.sealing_key).seal(b"x", server_id="srv_1", pointer="/p")
    load_or_make(folder)

    assert read_sealing(folder.sealing_key).open(sealed, server_id="srv_1", pointer="/p") == b"x"


def test_damaged_secrets_are_said_to_be_so(folder: DataFolder):
    folder.secrets.write_text("{")

    with pytest.raises(Failure, match="damaged"):
        load_or_make(folder)


def test_two_stacks_never_share_a_folder(folder: DataFolder):
    with folder.held(ports=Ports(9000), guests="simulated"):
        running = folder.running()
        with (
            pytest.raises(Failure, match="already running"),
            folder.held(ports=Ports(9100), guests="simulated"),
        ):
            pass

    assert running is not None
    assert running.base_port == 9000
    assert folder.running() is None


def test_a_taken_port_is_named_with_what_it_is_for():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        base = taken.getsockname()[1] - NAMES.index("vm-service")

        with pytest.raises(Failure) as refusal:
            Ports(base).check(patience=0)

    assert f"{base + 1} (for vm-service)" in refusal.value.reason
    assert "--port-base" in (refusal.value.remedy or "")


def test_the_bus_configuration_is_one_that_nats_accepts(tmp_path: Path):
    passwords = {service: f'pass"word-{service}' for service in ACCESS}
    text = nats_conf.render(
        name="yard-1", host="127.0.0.1", port=4999, store=tmp_path / "a store", passwords=passwords
    )
    file = tmp_path / "nats.conf"
    file.write_text(text)

    server = Path(sys.executable).with_name("nats-server")
    tried = subprocess.run([server, "-t", "-c", file], capture_output=True, text=True, check=False)

    assert tried.returncode == 0, tried.stderr
    assert "sync_interval: always" in text


def test_a_folder_of_simulated_guests_is_not_started_with_real_ones(folder: DataFolder):
    with folder.held(ports=Ports(9000), guests="simulated"):
        pass

    with (
        pytest.raises(Failure, match="are simulated, not qemu"),
        folder.held(ports=Ports(9000), guests="qemu"),
    ):
        pass
