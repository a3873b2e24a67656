"""Disk images: a clone holds only what it changes; the template below it is never written."""

import json
from pathlib import Path
from typing import Any

from proxmox_lab.guests.port import GuestFailure
from proxmox_lab.guests.qemu.process import run


async def clone(base: Path, disk: Path, size: int) -> None:
    """Make ``disk`` a linked clone of ``base``, at least ``size`` bytes large."""
    size = max(size, await virtual_size(base))
    fresh = disk.with_suffix(".new")
    fresh.unlink(missing_ok=True)
    create = ("create", "-q", "-f", "qcow2", "-b", str(base), "-F", "qcow2", str(fresh), str(size))
    await _image(*create)
    fresh.replace(disk)


async def copy(source: Path, disk: Path) -> None:
    """Make ``disk`` what ``source`` holds, resting on nothing."""
    fresh = disk.with_suffix(".new")
    await _image("convert", "-q", "-U", "-O", "qcow2", str(source), str(fresh))
    fresh.replace(disk)


async def grow(disk: Path, size: int) -> None:
    """Make the image at least ``size`` bytes large; it is in nobody's use."""
    if await virtual_size(disk) < size:
        await _image("resize", "-q", "-f", "qcow2", str(disk), str(size))


async def snapshot(disk: Path, verb: str, name: str) -> None:
    """Note (``-c``), bring back (``-a``) or forget (``-d``) a state; nobody uses the image."""
    await _image("snapshot", "-q", verb, name, str(disk))


async def snapshots(disk: Path) -> tuple[str, ...]:
    """Return the names of the states in an image. May be asked while a guest uses it."""
    return tuple(str(one["name"]) for one in (await _told(disk)).get("snapshots", ()))


async def virtual_size(disk: Path) -> int:
    """Return the size the guest sees. May be asked while a guest uses the image."""
    return int((await _told(disk))["virtual-size"])


async def is_untouched(disk: Path, base: Path) -> bool:
    """Tell whether a disk that was never used is a clone of just that base, and nothing more."""
    told = await _told(disk)
    return told.get("full-backing-filename") == str(base) and not told.get("snapshots")


async def _told(disk: Path) -> dict[str, Any]:
    told = await _image("info", "--force-share", "--output=json", str(disk))
    return dict(json.loads(told))


async def _image(*words: str) -> bytes:
    done = await run("qemu-img", *words)
    if done.code != 0:
        raise GuestFailure(done.err.decode(errors="replace").strip() or f"qemu-img {words[0]}")
    return done.out
