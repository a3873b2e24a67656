"""The tree of files, modes, and their way to disk and back."""

from pathlib import Path

import pytest

from proxmox_lab.guests.simulated.model.disk import fresh_disk
from proxmox_lab.guests.simulated.model.files import FileTree, Kind, Node, NoSuchPath, NotADirectory
from proxmox_lab.guests.simulated.model.modes import BadMode, new_mode
from proxmox_lab.guests.simulated.model.saved import (
    disk_as_json,
    disk_from_json,
    read_state,
    shown,
    write_state,
)

FILE = Node(kind=Kind.FILE, mode=0o644)


@pytest.fixture
def tree(tmp_path: Path) -> FileTree:
    tree = FileTree(blobs=tmp_path / "blobs")
    tree.make_directories("/usr/bin")
    tree.put("/bin", Node(kind=Kind.LINK, mode=0o777, target="usr/bin"))
    return tree


def test_links_are_followed_in_the_middle_and_at_the_end(tree: FileTree) -> None:
    tree.write("/bin/tool", b"x", template=FILE)
    tree.put("/tool", Node(kind=Kind.LINK, mode=0o777, target="bin/tool"))

    assert tree.read("/usr/bin/tool") == b"x"
    assert tree.resolve("/tool") == "/usr/bin/tool"
    assert tree.get("/tool", follow=False).kind is Kind.LINK


def test_a_circle_of_links_is_no_path(tree: FileTree) -> None:
    tree.put("/a", Node(kind=Kind.LINK, mode=0o777, target="/b"))
    tree.put("/b", Node(kind=Kind.LINK, mode=0o777, target="/a"))

    assert tree.find("/a") is None


def test_a_file_needs_a_directory_to_be_in(tree: FileTree) -> None:
    tree.write("/usr/file", b"", template=FILE)

    with pytest.raises(NoSuchPath):
        tree.write("/nowhere/file", b"", template=FILE)
    with pytest.raises(NotADirectory):
        tree.write("/usr/file/below", b"", template=FILE)


def test_moving_a_directory_takes_what_is_below_along(tree: FileTree) -> None:
    tree.write("/usr/bin/tool", b"x", template=FILE)

    tree.move("/usr", "/opt")

    assert tree.read("/opt/bin/tool") == b"x"
    assert tree.find("/usr") is None


def test_large_contents_lie_beside_the_state(tree: FileTree, tmp_path: Path) -> None:
    tree.write("/big", b"b" * 100_000, template=FILE)

    assert tree.get("/big").content == b""
    assert tree.read("/big") == b"b" * 100_000
    assert len(list((tmp_path / "blobs").iterdir())) == 1


@pytest.mark.parametrize(
    ("before", "wanted", "after"),
    [
        (0o644, "0755", 0o755),
        (0o644, "755", 0o755),
        (0o644, "u+x", 0o744),
        (0o777, "go-w", 0o755),
        (0o600, "u=rwX,g=rX,o=", 0o640),
        (0o755, "u=rwX,g=rX,o=", 0o750),
        (0o755, "a=r", 0o444),
        (0o755, "g+s", 0o2755),
        (0o644, "+x", 0o755),
    ],
)
def test_modes_are_read_as_chmod_reads_them(before: int, wanted: str, after: int) -> None:
    assert new_mode(wanted, Node(kind=Kind.FILE, mode=before)) == after


def test_nonsense_is_no_mode() -> None:
    with pytest.raises(BadMode):
        new_mode("rw", FILE)


def test_a_disk_comes_back_from_disk_as_it_was(tmp_path: Path) -> None:
    disk = fresh_disk(tmp_path / "blobs")
    disk.files.write("/binary", b"\xff\0", template=FILE)
    disk.files.write("/big", b"b" * 100_000, template=FILE)

    write_state(tmp_path, disk_as_json(disk))
    state = read_state(tmp_path)
    assert state is not None
    back = disk_from_json(state, blobs=tmp_path / "blobs")

    assert back.files.nodes == disk.files.nodes
    assert back.files.read("/big") == b"b" * 100_000
    assert (back.accounts.users, back.accounts.groups) == (
        disk.accounts.users,
        disk.accounts.groups,
    )
    assert back.packages == disk.packages


def test_nobody_else_can_read_the_state_and_no_secret_is_shown(tmp_path: Path) -> None:
    disk = fresh_disk(tmp_path / "blobs")
    disk.files.write("/etc/ssh/ssh_host_ed25519_key", b"PRIVATE", template=FILE)

    write_state(tmp_path, disk_as_json(disk))

    assert (tmp_path / "guest.json").stat().st_mode & 0o077 == 0
    assert "PRIVATE" not in str(shown(disk_as_json(disk)))
