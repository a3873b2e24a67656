"""The guests' tiny first stage: busybox, a few kernel modules and one script, packed by hand."""

import gzip
import lzma
import stat
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

# In the order they are loaded. A kernel that has one built in needs no file of it.
MODULES: Final = (
    "virtio", "virtio_ring", "virtio_pci_legacy_dev", "virtio_pci_modern_dev", "virtio_pci",
    "virtio_blk",
)  # fmt: skip
_UNPACK: Final[Mapping[str, Callable[[bytes], bytes]]] = {".ko": bytes, ".xz": lzma.decompress}
_TRAILER: Final = "TRAILER!!!"


class NotFoundInTree(Exception):
    """The installed tree lacks what the first stage is made of."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """A file or folder of the archive."""

    name: str
    mode: int
    data: bytes = b""


def pack(tree: Path, init: bytes, *, with_modules: bool = True) -> bytes:
    """Return an initrd which runs ``init`` with the tree's busybox."""
    folders = [Entry(name=n, mode=stat.S_IFDIR | 0o755) for n in ("bin", "dev", "proc", "sys")]
    folders += [Entry(name=n, mode=stat.S_IFDIR | 0o755) for n in ("root", "modules")]
    files = [
        Entry(name="init", mode=stat.S_IFREG | 0o755, data=init),
        Entry(name="bin/busybox", mode=stat.S_IFREG | 0o755, data=busybox(tree).read_bytes()),
    ]
    modules = list(kernel_modules(tree)) if with_modules else []
    return gzip.compress(archive([*folders, *files, *modules]), compresslevel=1, mtime=0)


def busybox(tree: Path) -> Path:
    """Return the tree's static busybox."""
    for name in ("usr/bin/busybox", "bin/busybox"):
        if (tree / name).is_file():
            return tree / name
    raise NotFoundInTree("busybox is missing from the template's tree")


def kernel_modules(tree: Path) -> Iterator[Entry]:
    """Return the modules of the tree's kernel, unpacked, numbered in loading order."""
    folder = next((tree / "usr/lib/modules").iterdir(), None)
    if folder is None:
        raise NotFoundInTree("no kernel is installed in the template's tree")
    for number, name in enumerate(MODULES):
        for found in sorted(folder.rglob(f"{name}.ko*")):
            data = _UNPACK[found.suffix](found.read_bytes())
            yield Entry(name=f"modules/{number}-{name}.ko", mode=stat.S_IFREG | 0o644, data=data)


def archive(entries: list[Entry]) -> bytes:
    """Write the entries as a "newc" cpio archive, all owned by root."""
    out = bytearray()
    for inode, entry in enumerate([*entries, Entry(name=_TRAILER, mode=0)], 1):
        name = entry.name.encode() + b"\0"
        # inode mode uid gid links mtime size, device (2), special device (2), name size, check
        fields = (inode, entry.mode, 0, 0, 1, 0, len(entry.data), 0, 0, 0, 0, len(name), 0)
        out += b"070701" + b"".join(b"%08x" % field for field in fields) + name
        out += b"\0" * (-len(out) % 4) + entry.data
        out += b"\0" * (-len(out) % 4)
    return bytes(out)
