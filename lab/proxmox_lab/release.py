"""The Proxmox releases the lab can be."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

MODERN: Final = 9


@dataclass(frozen=True, slots=True)
class Release:
    """One release, as ``/version`` tells it."""

    version: str
    repoid: str

    @property
    def major(self) -> int:
        return int(self.version.split(".")[0])

    @property
    def is_modern(self) -> bool:
        """Tell 9 and later, where agent rights, locks and bridge checks changed."""
        return self.major >= MODERN

    @property
    def short(self) -> str:
        return ".".join(self.version.split(".")[:2])


def nearest(version: str) -> Release:
    """Return the release that is most like a version; the newest, if it is none."""
    major = version.partition(".")[0]
    wanted = int(major) if major.isdigit() else max(found.major for found in RELEASES.values())
    return min(RELEASES.values(), key=lambda found: abs(found.major - wanted))


RELEASES: Final[Mapping[str, Release]] = {
    "8.4": Release("8.4.21", "2606ac850d46da29"),
    "9.2": Release("9.2.11", "14a22df355957d97"),
}
