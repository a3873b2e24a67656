"""The data folder, its secrets, the ports, and the bus's configuration."""

import json
import socket
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from common.contracts.topology import ACCESS
from common.security.sealing import read_sealing
from yard_cli.commands.stack import site
from yard_cli.commands.target import data_folder, running_folder
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


@pytest.mark.parametrize(
    ("before", "now", "as_it_was"),
    [(True, False, "./yard up --stand-ins --data"), (False, True, "./yard up --data")],
)
def test_what_stood_in_for_a_game_never_becomes_the_vendors_nor_the_reverse(
    folder: DataFolder, before: bool, now: bool, as_it_was: str
):
    with folder.held(ports=Ports(9000), guests="simulated", stand_ins=before):
        pass

    with (
        pytest.raises(Failure, match="stand-ins") as refused,
        folder.held(ports=Ports(9000), guests="simulated", stand_ins=now),
    ):
        pass

    assert f"{as_it_was} {folder.path}" in (refused.value.remedy or "")


def held_by_the_former_version(folder: DataFolder, *, stand_ins: bool) -> None:
    """Leave what it left: nobody noted whether games were stood in for, but their log is there."""
    note = {"pid": 1, "base_port": 9000, "guests": "simulated"}
    (folder.path / "stack.json").write_text(json.dumps(note))
    if stand_ins:
        folder.log("stand-ins").touch()


def test_what_may_be_stand_ins_is_started_as_either_and_the_doubt_is_kept_until_it_is_settled(
    folder: DataFolder,
):
    held_by_the_former_version(folder, stand_ins=True)

    for stand_ins in (False, False, True):
        assert folder.may_hold_stand_ins()
        with folder.held(ports=Ports(9000), guests="simulated", stand_ins=stand_ins):
            pass

    assert not folder.may_hold_stand_ins()
    with (
        pytest.raises(Failure, match="stand-ins"),
        folder.held(ports=Ports(9000), guests="simulated"),
    ):
        pass


def test_a_start_that_fails_notes_nothing(folder: DataFolder):
    def refuse() -> None:
        raise Failure("the port is taken")

    with (
        pytest.raises(Failure, match="taken"),
        folder.held(ports=Ports(9000), guests="simulated", stand_ins=True, check=refuse),
    ):
        pass

    with folder.held(ports=Ports(9000), guests="simulated"):
        pass


def test_where_nothing_was_ever_stood_in_for_the_servers_are_the_vendors(folder: DataFolder):
    held_by_the_former_version(folder, stand_ins=False)

    assert not folder.may_hold_stand_ins()
    with (
        pytest.raises(Failure, match="the vendors' own"),
        folder.held(ports=Ports(9000), guests="simulated", stand_ins=True),
    ):
        pass


def test_an_operator_is_warned_of_what_an_update_would_do_to_a_stand_in(
    folder: DataFolder, capsys: pytest.CaptureFixture[str]
):
    held_by_the_former_version(folder, stand_ins=True)

    site(data=folder.path, port_base=9000, stand_ins=True)
    assert capsys.readouterr().err == ""
    site(data=folder.path, port_base=9000)

    warned = capsys.readouterr()
    assert warned.out == ""
    assert "may be stand-ins" in warned.err
    assert f"./yard up --stand-ins --data {folder.path}" in warned.err


def test_stand_ins_and_real_guests_have_folders_of_their_own(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("SPAWNYARD_DATA", "/usual")

    kinds = [(vm, stand_ins) for vm in (False, True) for stand_ins in (False, True)]
    found = [str(data_folder(None, vm=vm, stand_ins=stand_ins).path) for vm, stand_ins in kinds]

    assert found == ["/usual", "/usual/stand-ins", "/usual/vm", "/usual/vm/stand-ins"]
    assert data_folder(Path("/named"), vm=True, stand_ins=True).path == Path("/named")


@pytest.mark.parametrize("place", ["", "vm", "stand-ins", "vm/stand-ins"])
def test_a_stack_is_found_on_whichever_of_the_usual_folders_it_runs(
    place: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("SPAWNYARD_DATA", str(tmp_path))
    folder = DataFolder(tmp_path / place)
    folder.make()

    with folder.held(ports=Ports(9000), guests="simulated"):
        assert running_folder(None)[0] == folder


def test_a_folder_of_simulated_guests_is_not_started_with_real_ones(folder: DataFolder):
    with folder.held(ports=Ports(9000), guests="simulated"):
        pass

    with (
        pytest.raises(Failure, match="are simulated, not qemu"),
        folder.held(ports=Ports(9000), guests="qemu"),
    ):
        pass
