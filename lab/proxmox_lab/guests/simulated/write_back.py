"""The way of a guest's disk to the real disk: soon after a change, at once when asked."""

import asyncio
from collections.abc import Callable
from pathlib import Path

from proxmox_lab.guests.simulated.model.disk import Disk
from proxmox_lab.guests.simulated.model.saved import disk_as_text, sweep_blobs, write_state

WRITE_BACK = 0.2  # seconds a change may wait to be written


class DiskWriter:
    """Writes one guest's state, but only when something in it differs."""

    def __init__(self, directory: Path, disk: Disk, *, powered: Callable[[], bool]) -> None:
        """Know the disk; ``powered`` tells where the power switch stands."""
        self._directory = directory
        self._disk = disk
        self._powered = powered
        self._timer: asyncio.TimerHandle | None = None
        self._written: tuple[int, bool] | None = None
        self._closed = False

    def soon(self) -> None:
        """Write within ``WRITE_BACK`` seconds; many calls make one write."""
        if self._timer is None and not self._closed:
            self._timer = asyncio.get_running_loop().call_later(WRITE_BACK, self.write)

    def write(self) -> None:
        """Write now, if the disk or the switch has changed since."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        worth = (self._disk.fingerprint(), self._powered())
        if worth != self._written and not self._closed:
            write_state(self._directory, disk_as_text(self._disk, powered=worth[1]))
            self._written = worth

    def sweep(self) -> None:
        """Free the room of large contents that nobody has any more."""
        sweep_blobs(self._directory, self._disk)

    def close(self) -> None:
        """Never write again."""
        self._closed = True
