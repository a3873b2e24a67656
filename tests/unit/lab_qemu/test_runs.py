import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from proxmox_lab.guests.port import Reach, ReachedPort
from proxmox_lab.guests.qemu.runs import Runs

REACH = Reach(
    ssh_host="127.23.0.1",
    ssh_port=2222,
    public_host="127.23.0.1",
    ports=(ReachedPort(protocol="udp", guest_port=30_000, public_port=30_000),),
)


def process_naming(folder: Path) -> subprocess.Popen[bytes]:
    code = "import sys; print(); sys.stdin.readline()"
    words = [sys.executable, "-c", code, str(folder)]
    process = subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert process.stdout is not None
    process.stdout.readline()  # from now on its command line is its own
    return process


def test_a_guest_never_started_is_not_alive(tmp_path: Path) -> None:
    assert Runs(tmp_path).find_alive() is None
    assert Runs(tmp_path).last_reach() is None


def test_a_living_start_is_found_again_with_its_reach(tmp_path: Path) -> None:
    files = Runs(tmp_path).prepare(REACH)
    with process_naming(files.folder) as process:
        files.pid.write_text(f"{process.pid}\n")

        found = Runs(tmp_path).find_alive()

        assert found is not None
        assert (found.pid, found.reach, found.alive) == (process.pid, REACH, True)
        process.communicate(b"\n")
    assert not found.alive


def test_a_pid_that_belongs_to_another_program_by_now_is_not_ours(tmp_path: Path) -> None:
    files = Runs(tmp_path).prepare(REACH)
    with process_naming(Path("/somewhere/else")) as process:
        files.pid.write_text(f"{process.pid}\n")

        assert Runs(tmp_path).find_alive() is None
        process.communicate(b"\n")


def test_a_process_that_ended_but_was_not_collected_is_dead(tmp_path: Path) -> None:
    files = Runs(tmp_path).prepare(REACH)
    process = process_naming(files.folder)
    files.pid.write_text(f"{process.pid}\n")
    assert process.stdin is not None
    process.stdin.close()
    status = Path(f"/proc/{process.pid}/stat")
    while ") Z " not in status.read_text():
        continue

    assert Runs(tmp_path).find_alive() is None
    assert process.stdout is not None
    process.stdout.close()
    process.wait()


def test_a_new_start_keeps_the_living_and_removes_the_dead(tmp_path: Path) -> None:
    runs = Runs(tmp_path)
    dead = runs.prepare(REACH).folder
    living = runs.prepare(REACH)
    with process_naming(living.folder) as process:
        living.pid.write_text(str(process.pid))

        runs.prepare(REACH)

        assert living.folder.exists()
        assert not dead.exists()
        process.communicate(b"\n")


def test_the_reach_is_remembered_while_the_guest_is_off(tmp_path: Path) -> None:
    Runs(tmp_path).prepare(REACH)
    Runs(tmp_path).forget()

    assert Runs(tmp_path).last_reach() == REACH


async def test_a_start_that_was_cut_off_is_ended_and_counts_as_none(tmp_path: Path) -> None:
    files = Runs(tmp_path).prepare(REACH, unfinished=True)
    with process_naming(files.folder) as process:
        files.pid.write_text(f"{process.pid}\n")
        runs = Runs(tmp_path)

        assert runs.find_alive() is None
        assert runs.last_reach() is None
        assert await runs.end_unfinished()
        assert process.wait(10) != 0
    assert not files.folder.exists()
    assert not await runs.end_unfinished()


def test_a_finished_start_is_alive_like_any_other(tmp_path: Path) -> None:
    runs = Runs(tmp_path)
    files = runs.prepare(REACH, unfinished=True)
    with process_naming(files.folder) as process:
        files.pid.write_text(f"{process.pid}\n")
        started = runs.find(files)
        assert started is not None

        runs.finish(started)

        assert Runs(tmp_path).find_alive() == started
        assert Runs(tmp_path).last_reach() == REACH
        process.communicate(b"\n")


def test_sockets_of_a_deep_folder_lie_in_a_short_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    short = tempfile.mkdtemp()
    monkeypatch.setattr("tempfile.tempdir", short)
    deep = tmp_path / ("x" * 100)
    deep.mkdir()
    runs = Runs(deep)
    try:
        files = runs.prepare(REACH)

        assert len(str(files.monitor)) <= 107
        assert files.folder.parent.stat().st_mode & 0o77 == 0
        assert files.disk == deep / "disk.qcow2"
    finally:
        shutil.rmtree(short)
