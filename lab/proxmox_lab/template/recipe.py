"""What goes into the template; two recipes with one digest build the same thing."""

import hashlib
import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

HERE: Final = Path(__file__).parent
SCRIPTS: Final = HERE / "scripts"
_WORDS: Final = (
    "systemd systemd-sysv systemd-resolved dbus udev kmod iproute2 netbase ca-certificates "
    "openssh-server sudo python3 python3-apt cloud-init cloud-guest-utils qemu-guest-agent "
    "linux-image-cloud-amd64 e2fsprogs procps util-linux-extra busybox-static"
)
BASE: Final = tuple(_WORDS.split())
JAVA: Final = ("openjdk-21-jre-headless",)  # what games in Java run on, and the playbook installs


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """A suite, its packages and the disk's size. ``sources`` empty: mmdebstrap's own mirror."""

    suite: str = "trixie"
    packages: tuple[str, ...] = BASE
    sources: tuple[str, ...] = ()
    proxy: str = ""
    disk_mib: int = 2048

    @property
    def extras(self) -> tuple[str, ...]:
        """What it carries beyond what every guest needs."""
        return tuple(name for name in self.packages if name not in BASE)

    @property
    def digest(self) -> str:
        """Name of what this recipe builds, of its scripts too."""
        parts = hashlib.sha256(json.dumps(asdict(self), sort_keys=True).encode())
        for path in (*sorted(SCRIPTS.iterdir()), HERE / "initrd.py"):
            parts.update(path.name.encode() + b"\0" + path.read_bytes())
        return parts.hexdigest()[:16]
