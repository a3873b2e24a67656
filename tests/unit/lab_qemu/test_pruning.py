"""What goes when templates are pruned: all that nothing rests on, and nothing else."""

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

import pytest

from proxmox_lab.guests.port import GuestFailure
from proxmox_lab.guests.qemu import image
from proxmox_lab.guests.qemu.guests import QemuGuests
from proxmox_lab.guests.qemu.probe import Accelerator
from proxmox_lab.guests.qemu.settings import QemuSettings
from proxmox_lab.template.__main__ import main
from proxmox_lab.template.built import LATEST, Template, load_template, save_mark
from proxmox_lab.template.kept import publish
from proxmox_lab.template.pruning import look, prune
from proxmox_lab.template.required_tools import TO_RUN, missing_tools
from proxmox_lab.template.use import HELD, USERS, hold
from tests.unit.lab_qemu.configs import config

MIB = 1 << 20


@pytest.fixture
def cache() -> Generator[Path]:
    """A folder, for everybody to read, with two templates, ``new`` being the one asked for."""
    missing = missing_tools(root=os.geteuid() == 0, tools=TO_RUN)
    if missing:
        pytest.skip(f"missing: {', '.join(tool.name for tool in missing)}")
    with tempfile.TemporaryDirectory(prefix="yard-templates-") as folder:
        cache = Path(folder).resolve()
        cache.chmod(0o755)
        for digest in ("old", "new"):
            make_template(cache, digest)
        yield cache


def make_template(cache: Path, digest: str) -> None:
    finished = cache / f".finished-{digest}"
    finished.mkdir()
    for name in ("vmlinuz", "initrd.img", "probe.img"):
        (finished / name).touch()
    make_image(finished / "disk.qcow2")
    save_mark(Template(directory=finished, digest=digest, suite="trixie", kernel_version="6.12"))
    publish(finished, cache / digest)
    (cache / LATEST).write_text(digest)


def make_image(disk: Path, *backing: str) -> None:
    size = () if backing else (str(8 * MIB),)
    words = ("qemu-img", "create", "-q", "-f", "qcow2", *backing, str(disk), *size)
    subprocess.run(words, check=True)


def guests_on(cache: Path, digest: str) -> QemuGuests:
    template = load_template(cache / digest)
    assert template is not None
    accelerator = Accelerator(template, cache / "accel.json", override="tcg")
    return QemuGuests(template=template, accelerator=accelerator, settings=QemuSettings())


def pruned(cache: Path) -> list[str]:
    return [one.template.digest for one in prune(cache, lambda _step, _text: None)]


def kept(cache: Path) -> list[str]:
    return [one.template.digest for one in look(cache)]


def test_a_template_that_nothing_uses_goes_and_the_one_asked_for_last_stays(cache: Path) -> None:
    assert pruned(cache) == ["old"]
    assert kept(cache) == ["new"]
    assert sorted(one.name for one in cache.iterdir() if one.is_dir()) == ["new"]
    assert pruned(cache) == []


async def test_a_template_that_a_running_lab_makes_machines_from_stays(cache: Path) -> None:
    guests = guests_on(cache, "old")
    assert pruned(cache) == []

    await guests.close()

    assert pruned(cache) == ["old"]


async def test_a_machine_keeps_its_template_though_its_lab_is_off(
    cache: Path, tmp_path: Path
) -> None:
    guests = guests_on(cache, "old")
    machine = config(directory=tmp_path / "machine")
    await guests.create(machine)
    await guests.close()
    assert pruned(cache) == []

    later = guests_on(cache, "new")
    await later.adopt(machine)
    await later.destroy(machine)

    assert pruned(cache) == []  # a running lab that knew it may be about to do anything with it
    await later.close()
    assert pruned(cache) == ["old"]


async def test_machines_that_were_removed_by_hand_keep_nothing(cache: Path, tmp_path: Path) -> None:
    guests = guests_on(cache, "old")
    machine = config(directory=tmp_path / "machine")
    await guests.create(machine)
    await guests.close()

    for file in machine.directory.iterdir():
        file.unlink()
    machine.directory.rmdir()

    assert pruned(cache) == ["old"]


async def test_a_machine_whose_folder_was_moved_is_noted_again_when_its_lab_runs(
    cache: Path, tmp_path: Path
) -> None:
    guests = guests_on(cache, "old")
    await guests.create(config(directory=tmp_path / "machine"))
    await guests.close()
    (tmp_path / "machine").rename(tmp_path / "moved")

    later = guests_on(cache, "new")
    await later.adopt(config(directory=tmp_path / "moved"))
    await later.close()

    assert pruned(cache) == []


def test_a_template_of_which_nobody_noted_the_use_stays(cache: Path) -> None:
    (cache / "old" / USERS).rmdir()

    assert pruned(cache) == []
    used = {one.template.digest: one.used or "" for one in look(cache)}
    assert "not known" in used["old"]


async def test_of_an_old_template_only_those_saved_boots_stay_that_disks_rest_on(
    cache: Path, tmp_path: Path
) -> None:
    golden = cache / "old" / "golden"
    base = ("-b", str(cache / "old" / "disk.qcow2"), "-F", "qcow2")
    for name in ("rested-on", "forgotten"):
        (golden / name).mkdir(parents=True)
        (golden / name / "state").write_bytes(b"memory")
        make_image(golden / name / "disk.qcow2", *base)
    guests = guests_on(cache, "old")
    machine = config(directory=tmp_path / "machine")
    await guests.create(machine)
    await image.clone(golden / "rested-on" / "disk.qcow2", machine.directory / "disk.qcow2", 0)
    await guests.close()

    assert pruned(cache) == []

    left = sorted(str(one.relative_to(golden)) for one in golden.rglob("*") if one.is_file())
    assert left == ["rested-on/disk.qcow2", "rested-on/state"]  # whole, or its shape had none again


async def test_where_a_disk_cannot_be_read_all_saved_boots_stay(
    cache: Path, tmp_path: Path
) -> None:
    state = cache / "old" / "golden" / "forgotten" / "state"
    state.parent.mkdir(parents=True)
    state.touch()
    guests = guests_on(cache, "old")
    machine = config(directory=tmp_path / "machine")
    await guests.create(machine)
    await guests.close()
    (machine.directory / "disk.qcow2").write_bytes(b"spoiled")

    prune(cache, lambda _step, _text: None)

    assert state.exists()


def test_the_list_tells_what_would_go(cache: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--list", "--json", "--cache", str(cache)]) == 0
    told = {one["digest"]: one for one in map(json.loads, capsys.readouterr().out.splitlines())}
    assert told["old"]["used"] is None
    assert told["new"]["used"] == "the next lab uses it"

    assert main(["--prune", "--json", "--cache", str(cache)]) == 0
    [line] = capsys.readouterr().out.splitlines()
    assert json.loads(line)["removed"] == "old"


def test_a_pruning_that_was_cut_off_is_ended_by_the_next(cache: Path) -> None:
    (cache / "old").rename(cache / ".building-old")

    assert pruned(cache) == []
    assert not (cache / ".building-old").exists()


@contextmanager
def somebody_else(template: Path) -> Generator[None]:
    """Be a user, for the block, who may read the template and not write to it."""
    if os.geteuid() == 0:
        os.seteuid(65_534)
    else:
        (template / HELD).chmod(0o444)
        template.chmod(0o555)
    try:
        yield
    finally:
        os.seteuid(os.getuid())
        template.chmod(0o755)
        (template / HELD).chmod(0o644)


def test_a_running_lab_holds_a_template_too_that_is_somebody_elses(cache: Path) -> None:
    template = load_template(cache / "old")
    assert template is not None

    with somebody_else(template.directory):
        held = hold(template)

    assert held is not None
    assert pruned(cache) == []
    os.close(held)
    assert pruned(cache) == ["old"]


async def test_a_machine_that_nobody_could_note_is_not_made(cache: Path, tmp_path: Path) -> None:
    guests = guests_on(cache, "old")
    users = cache / "old" / USERS
    users.rmdir()
    users.touch()  # nothing can be written there: not for want of a right

    with pytest.raises(GuestFailure, match="noted"):
        await guests.create(config(directory=tmp_path / "machine"))
    await guests.close()


def test_a_lab_in_another_process_holds_its_template_until_it_is_gone(cache: Path) -> None:
    code = (
        "import sys; from pathlib import Path\n"
        "from tests.unit.lab_qemu.test_pruning import guests_on\n"
        "guests = guests_on(Path(sys.argv[1]), 'old'); print(flush=True); sys.stdin.readline()"
    )
    words = [sys.executable, "-c", code, str(cache)]
    root = Path(__file__).parents[3]
    with subprocess.Popen(
        words, cwd=root, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        process.stdout.readline()
        assert pruned(cache) == []
        process.kill()

    assert pruned(cache) == ["old"]
