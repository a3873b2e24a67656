"""Everything of a guest that survives a power cut."""

import time
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from proxmox_lab.guests.simulated.model.accounts import Accounts
from proxmox_lab.guests.simulated.model.files import FileTree, Node
from proxmox_lab.guests.simulated.model.image import fresh_accounts, fresh_files, fresh_packages


@dataclass(slots=True, kw_only=True)
class Disk:
    """Everything that survives a power cut."""

    files: FileTree
    accounts: Accounts
    packages: dict[str, str]
    hostname: str = "debian"
    lists_updated: float = 0.0  # when apt last fetched its lists; 0: never
    instance: str = ""  # cloud-init's: whose first boot has been done

    def fingerprint(self) -> int:
        """Differs whenever the disk does."""
        accounts, packages = self.accounts, self.packages
        parts = (*accounts.users.values(), *accounts.groups.values(), *packages.items())
        own = (self.hostname, self.lists_updated, self.instance, self.files.revision)
        return hash((*parts, *own))


def fresh_disk(blobs: Path) -> Disk:
    """The disk of an image that has never booted."""
    nodes, packages = _image()
    files = FileTree(blobs=blobs, nodes=dict(nodes))
    return Disk(files=files, accounts=fresh_accounts(), packages=dict(packages))


@cache
def _image() -> tuple[dict[str, Node], dict[str, str]]:
    """What every disk begins with, put together once: its nodes are shared, none ever changes."""
    now = time.time()
    files = fresh_files(Path(), now=now)
    packages = fresh_packages(files, now=now)
    return files.nodes, packages
