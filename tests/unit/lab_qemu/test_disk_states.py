"""States of a disk that nobody uses, in a real image."""

import os
from pathlib import Path

import pytest

from proxmox_lab.guests.port import GuestFailure
from proxmox_lab.guests.qemu import disk_states, image
from proxmox_lab.template.required_tools import TO_RUN, missing_tools

MIB = 1 << 20


@pytest.fixture
async def disk(tmp_path: Path) -> Path:
    missing = missing_tools(root=os.geteuid() == 0, tools=TO_RUN)
    if missing:
        pytest.skip(f"missing: {', '.join(tool.name for tool in missing)}")
    base = tmp_path / "base.qcow2"
    done = await image.run("qemu-img", "create", "-q", "-f", "qcow2", str(base), str(8 * MIB))
    assert done.code == 0
    await image.clone(base, tmp_path / "disk.qcow2", 0)
    return tmp_path / "disk.qcow2"


async def test_a_state_noted_twice_is_there_once(disk: Path) -> None:
    await disk_states.note(disk, "before", None)
    await disk_states.note(disk, "before", None)

    assert await image.snapshots(disk) == ("before",)


async def test_a_state_forgotten_twice_is_gone_and_the_others_stay(disk: Path) -> None:
    await disk_states.note(disk, "first", None)
    await disk_states.note(disk, "second", None)

    await disk_states.forget(disk, "first", None)
    await disk_states.forget(disk, "first", None)

    assert await image.snapshots(disk) == ("second",)


async def test_a_disk_that_grew_is_small_again_after_the_way_back(disk: Path) -> None:
    await disk_states.note(disk, "small", None)
    await image.grow(disk, 16 * MIB)

    await image.snapshot(disk, "-a", "small")

    assert await image.virtual_size(disk) == 8 * MIB


async def test_a_state_that_was_never_noted_cannot_be_brought_back(disk: Path) -> None:
    with pytest.raises(GuestFailure, match="never"):
        await image.snapshot(disk, "-a", "never")
