"""Each server's guest is opened by a key of its own, which goes when the server goes."""

import asyncio
import os
import subprocess
import threading
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pytest

from common.contracts.sealed import is_sealed
from common.contracts.server_keys import SshKeyAnswer, SshKeyQuestion
from common.security.sealing import KEY_SIZE, Sealing
from provisioner import work
from provisioner.adapters.ansible.supervised import AnsiblePlaybooks
from provisioner.adapters.key_maker import KeyMaker
from provisioner.adapters.seals import SealedSettings
from provisioner.adapters.ssh import SshGuests
from provisioner.domain.errors import StepFailed
from provisioner.domain.inventory import inventory
from provisioner.domain.run import Stage
from provisioner.domain.server_key import PLACE, ServerKey
from provisioner.handlers import on_event
from provisioner.questions import ssh_key
from provisioner.work import work_on
from tests.fakes.provisioner import ENDPOINT, HOST_KEY, SERVER, FakeProvisioner, removal, vm_ready

SEALING = Sealing((os.urandom(KEY_SIZE),))
make_key = KeyMaker(SEALING)


async def asked(world: FakeProvisioner, *, make: bool = True) -> str | None:
    body = SshKeyQuestion(server_id=SERVER, make=make).model_dump_json().encode()
    answer = await ssh_key(body, work=world, make_key=make_key)
    return SshKeyAnswer.model_validate_json(answer).public


async def test_a_server_s_key_is_made_once_however_often_it_is_asked_for():
    world = FakeProvisioner()

    told = [await asked(world), await asked(world), await asked(world, make=False)]

    assert told[0] is not None
    assert told[0].startswith("ssh-ed25519 ")
    assert len(set(told)) == 1


async def test_for_a_server_from_before_none_is_made_unless_that_is_asked():
    world = FakeProvisioner()

    assert await asked(world, make=False) is None
    assert world.keys.rows == {}


async def test_who_asks_at_the_same_time_is_told_the_same_key():
    world = FakeProvisioner()

    told = await asyncio.gather(*(asked(world) for _ in range(5)))

    assert len(set(told)) == 1


async def test_the_private_half_is_kept_sealed_for_this_server_alone():
    world = FakeProvisioner()
    await asked(world)

    kept = world.keys.rows[SERVER]

    assert is_sealed(kept.private)
    assert "PRIVATE" not in repr(world.keys)
    seals = SealedSettings(SEALING)
    assert b"OPENSSH PRIVATE KEY" in seals.open(kept.private, server_id=SERVER, pointer=PLACE)
    with pytest.raises(StepFailed):
        seals.open(kept.private, server_id="srv_2", pointer=PLACE)


def test_both_halves_are_a_pair_as_openssh_sees_it(tmp_path: Path):
    key = make_key(SERVER)
    file = tmp_path / "id"
    file.touch(mode=0o600)
    file.write_bytes(SEALING.open(key.private, server_id=SERVER, pointer=PLACE))

    told = subprocess.run(
        ["ssh-keygen", "-y", "-f", file], capture_output=True, text=True, check=True
    )

    assert told.stdout.split()[:2] == key.public.split()[:2]


async def test_the_key_is_gone_with_its_server():
    world = FakeProvisioner()
    await asked(world)
    await on_event(vm_ready(), work=world)

    await on_event(removal(), work=world)

    assert world.keys.rows == {}


@pytest.mark.parametrize("has_vm", [True, False])
async def test_none_is_made_for_a_server_that_is_going_already(has_vm: bool):
    world = FakeProvisioner()
    if has_vm:
        await on_event(vm_ready(), work=world)
    await on_event(removal(), work=world)

    assert await asked(world) is None
    assert world.keys.rows == {}


async def test_a_removal_that_comes_too_late_takes_no_key_away():
    world = FakeProvisioner()
    await asked(world)
    await on_event(vm_ready(), work=world)

    await on_event(removal(operation_id="op_4"), work=world)

    assert SERVER in world.keys.rows


async def finish(world: FakeProvisioner, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(work, "WATCH", 0.01)
    await work_on(SERVER, work=world, tools=world.tools)


async def test_the_provisioner_logs_in_with_it(monkeypatch: pytest.MonkeyPatch):
    world = FakeProvisioner()
    sealed = f"sealed:fake:{SERVER}:{PLACE}:{b'the private half'.hex()}"
    world.keys.rows[SERVER] = ServerKey(server_id=SERVER, public="ssh-ed25519 A", private=sealed)
    await on_event(vm_ready(), work=world)

    await finish(world, monkeypatch)

    assert world.run.stage is Stage.DONE
    assert world.guests.targets[0].private_key == "the private half"
    [play] = world.playbooks.plays
    assert play.private_key == "the private half"
    assert "private_key_file" not in str(play.inventory)
    said = repr((world.runs, world.guests.targets, play)) + " ".join(world.texts())
    assert "the private half" not in said


async def test_servers_from_before_are_opened_by_the_installation_s_key(
    monkeypatch: pytest.MonkeyPatch,
):
    world = FakeProvisioner()
    await on_event(vm_ready(), work=world)

    await finish(world, monkeypatch)

    [play] = world.playbooks.plays
    assert play.private_key is None
    assert "/keys/id" in str(play.inventory)


async def test_a_key_that_does_not_open_fails_the_run_and_says_what_helps(
    monkeypatch: pytest.MonkeyPatch,
):
    world = FakeProvisioner()
    world.keys.rows[SERVER] = ServerKey(server_id=SERVER, public="ssh-ed25519 A", private="x:00")
    await on_event(vm_ready(), work=world)

    await finish(world, monkeypatch)

    assert world.run.stage is Stage.FAILED


def test_for_ssh_it_lies_in_a_folder_of_ours_for_as_long_as_it_is_needed(tmp_path: Path):
    target = replace(FakeProvisioner().tools.target(ENDPOINT), private_key="secret\n")
    guests = SshGuests(folder=tmp_path)

    with guests._files(target, (HOST_KEY,)) as known:
        key = known.with_name("id")
        modes = (key.stat().st_mode & 0o777, known.parent.stat().st_mode & 0o777)
        assert (modes, key.read_text()) == ((0o600, 0o700), "secret\n")
        AnsiblePlaybooks(project=tmp_path, runs=tmp_path).sweep()  # another copy starts meanwhile
        assert key.exists()

    assert list(tmp_path.iterdir()) == []
    assert "secret" not in repr(inventory(target))


def test_what_a_login_left_that_was_cut_off_is_removed_at_the_next_start(tmp_path: Path):
    left = tmp_path / "yard-ssh-abc"
    left.mkdir()
    (left / "id").write_text("secret")

    AnsiblePlaybooks(project=tmp_path, runs=tmp_path).sweep()

    assert list(tmp_path.iterdir()) == []


def test_logins_of_another_copy_that_end_meanwhile_do_not_keep_one_from_starting(tmp_path: Path):
    target = replace(FakeProvisioner().tools.target(ENDPOINT), private_key="secret")
    started = threading.Event()

    def log_in(end: threading.Event) -> None:
        while not end.is_set():
            with suppress(FileNotFoundError), SshGuests(folder=tmp_path)._files(target, ()):
                started.set()

    end = threading.Event()
    other = threading.Thread(target=log_in, args=(end,))
    other.start()
    try:
        started.wait(10)
        for _ in range(500):
            AnsiblePlaybooks(project=tmp_path, runs=tmp_path).sweep()
    finally:
        end.set()
        other.join()
