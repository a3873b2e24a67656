"""``./yard`` on machines that lack something: the reason, the remedy, and nothing half done."""

import os
import shutil
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from yard_setup import environment
from yard_setup.environment import Environment, packages_in
from yard_setup.failure import SetupFailed, explain

ROOT = Path(__file__).resolve().parents[3]
TOOLS = ("sh", "dirname", "readlink", "cmp", "printf", "cat")


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """A clone that holds the bootstrap and pins nothing."""
    root = tmp_path / "a clone"
    (root / "clients/cli").mkdir(parents=True)
    shutil.copy(ROOT / "yard", root / "yard")
    shutil.copytree(ROOT / "clients/cli/yard_setup", root / "clients/cli/yard_setup")
    (root / "requirements.lock").write_text("")
    (root / "requirements-dev.lock").write_text("")
    return root


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A PATH with the few tools every system has, and no Python."""
    folder = tmp_path / "bin"
    folder.mkdir()
    for tool in TOOLS:
        if found := shutil.which(tool):
            (folder / tool).symlink_to(found)
    return folder


def offer(path: Path, name: str, script: str) -> None:
    program = path / name
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)


def yard(clone: Path, path: Path, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [clone / "yard", *words],
        env={"PATH": str(path)},
        capture_output=True,
        text=True,
        timeout=20,
        check=False,
    )


def completed(clone: Path, *locks: str) -> None:
    """Give the clone an environment that was made from these locks, with a Python that answers."""
    binaries = clone / ".venv/bin"
    binaries.mkdir(parents=True)
    offer(binaries, "python", 'echo "asked: $*"')
    (clone / ".venv/made-in").write_text(f"{clone}\n")
    for lock in locks:
        shutil.copy(clone / lock, clone / ".venv" / lock)


@pytest.mark.parametrize("words", [("bench", "--help"), ("bench", "-h"), ("bench",)])
def test_to_be_told_of_benches_no_tools_of_development_are_needed(
    clone: Path, path: Path, words: tuple[str, ...]
) -> None:
    completed(clone, "requirements.lock")

    assert yard(clone, path, *words).stdout.startswith("asked: -m yard_cli bench")
    assert "no Python was found" in yard(clone, path, "bench", "demo").stderr


OLD = 'case $1 in -V) echo "Python 3.9.2" ;; *) exit 1 ;; esac'
BARE = "case $2 in *ensurepip*) exit 1 ;; *) exit 0 ;; esac"
REAL = f'exec "{sys.executable}" "$@"'


@pytest.mark.parametrize(
    ("offered", "reason", "remedy"),
    [
        ({}, "no Python was found", "apt-get install python3"),
        ({"python3": OLD}, "found only: Python 3.9.2", "install a newer Python"),
        ({"python3": BARE}, "has no venv module", "apt-get install python3-venv"),
        ({"python3": REAL}, "no ssh client", "apt-get install openssh-client"),
    ],
)
def test_what_is_missing_is_named_with_its_remedy(
    clone: Path, path: Path, offered: dict[str, str], reason: str, remedy: str
):
    for name, script in offered.items():
        offer(path, name, script)

    ended = yard(clone, path, "demo")

    assert ended.returncode == 3
    assert reason in ended.stderr
    assert remedy in ended.stderr.partition("remedy:")[2]
    assert not (clone / ".venv").exists()


def test_a_newer_python_beside_an_old_one_is_found(clone: Path, path: Path):
    offer(path, "python3", OLD)
    offer(path, "python3.12", REAL)

    ended = yard(clone, path, "demo")

    assert "no ssh client" in ended.stderr


def test_an_environment_that_is_complete_is_not_looked_at_again(clone: Path, path: Path):
    bin_folder = clone / ".venv/bin"
    bin_folder.mkdir(parents=True)
    offer(bin_folder, "python", 'echo "$@"')
    (clone / ".venv/requirements.lock").write_text("")
    (clone / ".venv/made-in").write_text(f"{clone}\n")

    ended = yard(clone, path, "servers", "--json")

    assert (ended.returncode, ended.stdout) == (0, "-m yard_cli servers --json\n")


@pytest.mark.parametrize("file", ["requirements.lock", "made-in"])
def test_an_environment_of_another_lock_or_place_is_not_used(clone: Path, path: Path, file: str):
    bin_folder = clone / ".venv/bin"
    bin_folder.mkdir(parents=True)
    offer(bin_folder, "python", "echo used")
    (clone / ".venv/requirements.lock").write_text("")
    (clone / ".venv/made-in").write_text(f"{clone}\n")
    (clone / ".venv" / file).write_text("other\n")

    ended = yard(clone, path, "servers")

    assert ended.returncode == 3
    assert "used" not in ended.stdout


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_folder_that_cannot_be_written_to_is_refused(clone: Path):
    clone.chmod(stat.S_IRUSR | stat.S_IXUSR)

    with pytest.raises(SetupFailed, match="cannot be written to"):
        Environment(clone).complete("run")


def test_too_little_space_is_refused_before_anything_is_made(
    clone: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(environment, "SPACE_NEEDED", 2**62)

    with pytest.raises(SetupFailed, match="set-up needs 700 MB"):
        Environment(clone).complete("run")

    assert not (clone / ".venv").exists()


@pytest.mark.parametrize(
    ("said", "reason"),
    [
        ("OSError: [Errno 28] No space left on device", "disk became full"),
        ("THESE PACKAGES DO NOT MATCH THE HASHES", "not the one that was pinned"),
        ("Failed: Temporary failure in name resolution", "cannot be reached"),
        ("ERROR: No matching distribution found for x==1", "not offered for this Python"),
        ("something new", "pip failed: something new"),
    ],
)
def test_pips_words_are_explained(tmp_path: Path, said: str, reason: str):
    log = tmp_path / "setup.log"
    log.write_text(said)

    assert reason in str(explain(log))


def test_packages_of_other_systems_are_not_counted(tmp_path: Path):
    lock = tmp_path / "lock"
    lock.write_text(
        "a==1 \\\n    --hash=sha256:0\nb==2 ; sys_platform == 'win32' \\\n    --hash=x\n"
    )

    assert packages_in(lock) == 1
