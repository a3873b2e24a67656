"""Everything of a guest that survives a power cut."""

import time
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from proxmox_lab.guests.simulated.model.accounts import Accounts
from proxmox_lab.guests.simulated.model.files import FileTree
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
    image = _image()
    return Disk(
        files=FileTree(blobs=blobs, nodes=dict(image.files.nodes)),
        accounts=Accounts(dict(image.accounts.users), dict(image.accounts.groups)),
        packages=dict(image.packages),
    )


@cache
def _image() -> Disk:
    """What every disk begins with, made once: nodes, users and groups are shared, none changes."""
    now = time.time()
    files = fresh_files(Path(), now=now)
    return Disk(files=files, accounts=fresh_accounts(), packages=fresh_packages(files, now=now))
