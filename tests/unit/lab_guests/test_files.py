"""The tree of files, modes, and their way to disk and back."""

from pathlib import Path

import pytest

from proxmox_lab.guests.simulated.model.disk import fresh_disk
from proxmox_lab.guests.simulated.model.files import FileTree, Kind, Node, NoSuchPath, NotADirectory
from proxmox_lab.guests.simulated.model.modes import BadMode, new_mode
from proxmox_lab.guests.simulated.model.saved import (
    disk_as_json,
    disk_as_text,
    disk_from_json,
    had_power,
    read_state,
    shown,
    switch_off,
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


def test_a_way_through_several_links_is_found_whichever_of_them_is_last(tree: FileTree) -> None:
    tree.make_directories("/usr/share/data")
    tree.put("/usr/share/here", Node(kind=Kind.LINK, mode=0o777, target="../share/data/"))
    tree.put("/short", Node(kind=Kind.LINK, mode=0o777, target="/usr/./share"))
    tree.put("/usr/share/data/back", Node(kind=Kind.LINK, mode=0o777, target="../../../bin"))

    assert tree.resolve("/short/here/new") == "/usr/share/data/new"
    assert tree.resolve("//short/../short/here/back/tool") == "/usr/bin/tool"
    assert tree.resolve("/short/here", follow=False) == "/usr/share/here"
    assert tree.resolve("/short/here/back", follow=False) == "/usr/share/data/back"
    assert tree.resolve("/") == "/"


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

    write_state(tmp_path, disk_as_text(disk, powered=False))
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


def test_disks_of_one_image_are_written_each_with_its_own_changes(tmp_path: Path) -> None:
    one, other = fresh_disk(tmp_path), fresh_disk(tmp_path)
    one.files.write("/etc/mark", b"one\n", template=FILE)
    one.accounts.ensure_group("players")
    before = disk_as_json(other, powered=False)

    changed = disk_as_json(one, powered=True)

    assert changed["files"].pop("/etc/mark")["content"] == "one\n"
    assert changed["groups"].pop()["name"] == "players"
    assert changed == before | {"powered": True}


def test_the_power_switch_is_read_without_the_rest(tmp_path: Path) -> None:
    disk = fresh_disk(tmp_path)
    never = had_power(tmp_path)

    write_state(tmp_path, disk_as_text(disk, powered=True))
    on = had_power(tmp_path)
    switch_off(tmp_path)

    assert (never, on, had_power(tmp_path)) == (False, True, False)
    assert read_state(tmp_path) == disk_as_json(disk, powered=False)


def test_nobody_else_can_read_the_state_and_no_secret_is_shown(tmp_path: Path) -> None:
    disk = fresh_disk(tmp_path / "blobs")
    disk.files.write("/etc/ssh/ssh_host_ed25519_key", b"PRIVATE", template=FILE)

    write_state(tmp_path, disk_as_text(disk, powered=False))

    assert (tmp_path / "guest.json").stat().st_mode & 0o077 == 0
    assert "PRIVATE" not in str(shown(disk_as_json(disk, powered=False)))
