"""Make a template of a cloud image: its disk as it is, its kernel beside it.

file -> hash -> raw disk -> which partition is the system's -> its kernel and first stage -> qcow2
"""

import hashlib
import json
import re
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from proxmox_lab.template.built import IMPORTED, LATEST, Template, load_template, save_mark
from proxmox_lab.template.command import CommandFailed, Progress, run
from proxmox_lab.template.kept import (
    CannotBuild,
    alone_in,
    publish,
    refuse_without_room,
    work_folder,
)
from proxmox_lab.template.required_tools import (
    TO_IMPORT,
    WITH_SYSTEM_FOLDERS,
    missing_tools,
    remedy,
)

_CHUNK: Final = 1 << 22
_FORMATS: Final = ("qcow2", "raw")
_KERNEL: Final = re.compile(r"/vmlinuz-([0-9][A-Za-z0-9.+_-]*)/")
_SECTOR: Final = 512
# Partition types that hold a Linux system: by GPT's names for them, and by MBR's.
_LINUX: Final = frozenset(
    {"0FC63DAF-8483-4772-8E79-3D69D8477DE4", "4F68BCE3-E8CD-4DB1-96E7-FBCAF984B709", "83"}
)
_ANOTHER: Final = "take a Debian generic cloud image, qcow2 or raw"


@dataclass(frozen=True, slots=True, kw_only=True)
class Partition:
    """The system's partition: its name in the guest, where it begins on the disk."""

    device: str
    offset: int


def import_image(
    cache: Path, image: Path, *, sha512: str | None, progress: Progress, root: bool
) -> Template:
    """Return the image's template, making it if the cache has none."""
    missing = missing_tools(root=root, tools=TO_IMPORT)
    if missing:
        names = ", ".join(f"{tool.name} (to {tool.needed_to})" for tool in missing)
        raise CannotBuild(f"missing: {names}", remedy=remedy(missing, root=root))
    if not image.is_file():
        raise CannotBuild(f"{image} is no file", remedy="name an image that was downloaded")
    with alone_in(cache, progress):
        found = _hash_of(image, progress)
        if sha512 not in (None, found):
            raise CannotBuild(
                f"{image} is not what --sha512 names: it hashes to {found}",
                remedy="download it again, or correct the hash",
            )
        digest = found[:16]
        template = load_template(cache / digest)
        if template is None:
            template = _take_over(cache, image, digest, progress)
        (cache / LATEST).write_text(digest)
        return template


def _hash_of(image: Path, progress: Progress) -> str:
    size, read, digest = image.stat().st_size, 0, hashlib.sha512()
    with image.open("rb") as file:
        while chunk := file.read(_CHUNK):
            digest.update(chunk)
            read += len(chunk)
            progress("checksum", f"{image.name}: {100 * read // size} %")
    return digest.hexdigest()


def _take_over(cache: Path, image: Path, digest: str, progress: Progress) -> Template:
    kind, size = format_of(image)
    refuse_without_room(cache, 2 * (size >> 20))
    with work_folder(cache) as work:
        finished = work / "template"
        finished.mkdir()
        raw, disk = work / "disk.raw", finished / "disk.qcow2"
        try:
            progress("disk", f"unpacking {size >> 20} MiB")
            run(("qemu-img", "convert", "-f", kind, "-O", "raw", str(image), str(raw)), work, _mute)
            system = system_partition(_output(work, "sfdisk", "--json", str(raw)))
            progress("kernel", f"looking for it on {system.device}")
            version = _take_kernel(work, raw, system, finished)
            progress("disk", "packing it")
            run(
                ("qemu-img", "convert", "-f", "raw", "-O", "qcow2", str(raw), str(disk)),
                work,
                _mute,
            )
        except CommandFailed as failure:
            why = f"{image} cannot be imported, {failure.name} says: {failure.last_lines}"
            raise CannotBuild(why, remedy=_ANOTHER) from failure
        save_mark(
            Template(
                directory=finished,
                digest=digest,
                suite=image.name,
                kernel_version=version,
                origin=IMPORTED,
                root=system.device,
            )
        )
        return publish(finished, cache / digest)


def format_of(image: Path) -> tuple[str, int]:
    """Return an image's format and virtual size. One that refers to other files is refused."""
    try:
        told: dict[str, Any] = json.loads(
            _output(image.parent, "qemu-img", "info", "--output=json", image.name)
        )
    except CommandFailed as failure:
        why = f"{image} is no disk image: {failure.last_lines}"
        raise CannotBuild(why, remedy=_ANOTHER) from failure
    specific = told.get("format-specific", {}).get("data", {})
    if told["format"] not in _FORMATS:
        raise CannotBuild(f"{image} is in the format {told['format']}", remedy=_ANOTHER)
    if "backing-filename" in told or "data-file" in specific:
        raise CannotBuild(
            f"{image} is not whole: it refers to another file",
            remedy="import one that stands alone: qemu-img convert -O qcow2 FILE NEW",
        )
    return told["format"], int(told["virtual-size"])


def system_partition(table: str) -> Partition:
    """Find the largest partition of Linux in what ``sfdisk --json`` tells."""
    told: dict[str, Any] = json.loads(table)["partitiontable"]
    linux = [one for one in told.get("partitions", ()) if one["type"].upper() in _LINUX]
    if not linux:
        raise CannotBuild("there is no partition of Linux in the image", remedy=_ANOTHER)
    largest = max(linux, key=lambda one: int(one["size"]))
    number = re.search(r"[0-9]+$", str(largest["node"]))
    assert number is not None
    sector = int(told.get("sectorsize", _SECTOR))
    return Partition(device=f"/dev/vda{number[0]}", offset=int(largest["start"]) * sector)


def _take_kernel(work: Path, raw: Path, system: Partition, finished: Path) -> str:
    """Copy the newest kernel and its first stage out of the disk; return the kernel's version."""
    # Names without folders: debugfs reads a space as the end of one.
    disk = f"{raw.name}?offset={system.offset}"
    listed = _output(work, "debugfs", "-R", "ls -p /boot", disk)
    found = [kernel[1] for kernel in _KERNEL.finditer(listed)]
    if not found:
        why = f"there is no kernel in /boot of {system.device}, or the file system is not ext4"
        raise CannotBuild(why, remedy=_ANOTHER)
    version = max(found, key=_numbers)
    for name, place in (("vmlinuz", "vmlinuz"), ("initrd.img", "initrd.img")):
        _output(work, "debugfs", "-R", f"dump /boot/{name}-{version} {finished.name}/{place}", disk)
        if not (finished / place).is_file():
            raise CannotBuild(f"/boot/{name}-{version} cannot be read", remedy=_ANOTHER)
    return version


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(number[0]) for number in re.finditer(r"[0-9]+", version))


def _output(folder: Path, *command: str) -> str:
    done = subprocess.run(  # noqa: S603 (our own words and files)
        (*WITH_SYSTEM_FOLDERS, *command),
        cwd=folder,
        capture_output=True,
        text=True,
        errors="replace",
        check=False,
    )
    if done.returncode != 0:
        raise CommandFailed(command[0], done.stderr.strip())
    return done.stdout


def _mute(_line: str) -> None:
    """Say nothing; a failure quotes the last lines itself."""
