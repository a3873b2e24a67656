"""What a lab leaves that is killed while it starts a machine, or saves a boot."""

import fcntl
import os
import subprocess
import sys
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

import pytest

from proxmox_lab.guests.port import GuestFailure, Reach
from proxmox_lab.guests.qemu import image
from proxmox_lab.guests.qemu.command import BINARY
from proxmox_lab.guests.qemu.golden import end_abandoned
from proxmox_lab.guests.qemu.launch import Launcher
from proxmox_lab.guests.qemu.probe import Accelerator
from proxmox_lab.guests.qemu.runs import Runs
from proxmox_lab.template.built import Template
from proxmox_lab.template.required_tools import TO_RUN, missing_tools
from tests.unit.lab_qemu.configs import config

MIB = 1 << 20
REACH = Reach(ssh_host="127.23.0.1", ssh_port=2222, public_host="127.23.0.1")


@pytest.fixture
def template(tmp_path: Path) -> Template:
    place = tmp_path / "abc"
    place.mkdir()
    for name in ("vmlinuz", "initrd.img", "probe.img", "template.json"):
        (place / name).touch()
    return Template(
        directory=place, digest="abc", suite="trixie", kernel_version="6.12", has_gate=True
    )


def skip_without_images() -> None:
    missing = missing_tools(root=os.geteuid() == 0, tools=TO_RUN)
    if missing:
        pytest.skip(f"missing: {', '.join(tool.name for tool in missing)}")


def with_a_qemu_that_starts_nothing(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (folder / BINARY).write_text("#!/bin/sh\nexit 1\n")
    (folder / BINARY).chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")


async def test_a_machine_cut_off_while_it_was_resumed_has_the_disk_that_was_asked(
    template: Template, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    skip_without_images()
    for disk in (template.disk, tmp_path / "golden.qcow2"):
        await image.run("qemu-img", "create", "-q", "-f", "qcow2", str(disk), str(8 * MIB))
    machine = config(directory=tmp_path / "machine", disk_bytes=16 * MIB)
    machine.directory.mkdir()
    own = machine.directory / "disk.qcow2"
    runs = Runs(machine.directory)
    runs.prepare(REACH, unfinished=True)
    await image.clone(tmp_path / "golden.qcow2", own, 0)  # it is grown only when it is loaded
    with_a_qemu_that_starts_nothing(tmp_path, monkeypatch)
    accelerator = Accelerator(template, tmp_path / "accel.json", override="tcg")
    launcher = Launcher(template=template, accelerator=accelerator, goldens=None)

    with pytest.raises(GuestFailure, match="start failed"):
        await launcher.launch(machine, runs)

    assert await image.is_untouched(own, template.disk)
    assert await image.virtual_size(own) == 16 * MIB


@contextmanager
def half_made(template: Template) -> Generator[tuple[Path, "subprocess.Popen[bytes]"]]:
    """Leave a boot that is being saved, its process alive."""
    making = template.golden / ".making-2c-1024m-abc"
    making.mkdir(parents=True)
    files = Runs(making).prepare(REACH)
    code = "import sys; print(); sys.stdin.readline()"
    words = [sys.executable, "-c", code, str(files.folder)]
    with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()
        files.pid.write_text(f"{process.pid}\n")
        try:
            yield making, process
        finally:
            process.kill()


def test_a_boot_whose_saving_was_cut_off_is_ended_when_guests_are_opened(
    template: Template,
) -> None:
    with half_made(template) as (making, process):
        end_abandoned(template)

        assert process.wait(10) != 0
        assert not making.exists()


def test_a_boot_that_another_lab_saves_just_now_is_left_alone(template: Template) -> None:
    with half_made(template) as (making, process), (template.golden / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)

        end_abandoned(template)

        assert process.poll() is None
        assert making.exists()


def test_where_nothing_was_ever_saved_nothing_is_made(template: Template) -> None:
    end_abandoned(template)

    assert not template.golden.exists()


def test_in_a_folder_that_cannot_be_written_to_nothing_is_ended(template: Template) -> None:
    with half_made(template) as (making, process):
        (template.golden / ".lock").mkdir()  # for root, too, no file can be opened there

        end_abandoned(template)

        assert process.poll() is None
        assert making.exists()
