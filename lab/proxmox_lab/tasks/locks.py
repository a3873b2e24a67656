"""The locks of machines' configurations: many readers or one writer, and Proxmox's time limits."""

import asyncio
from collections import defaultdict
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from typing import Final

from proxmox_lab.clock import Clock
from proxmox_lab.refusal import Refusal

WRITE_WAIT: Final = 10.0
CLONE_WAIT: Final = 1.0
Say = Callable[[str], None]


class _Lock:
    """Shared or exclusive, first come first served enough for a lab."""

    def __init__(self) -> None:
        self.readers = 0
        self.writing = False
        self.changed = asyncio.Condition()

    def is_free(self, *, shared: bool) -> bool:
        return not self.writing and (shared or self.readers == 0)

    def take(self, *, shared: bool) -> None:
        if shared:
            self.readers += 1
        else:
            self.writing = True

    def drop(self, *, shared: bool) -> None:
        if shared:
            self.readers -= 1
        else:
            self.writing = False


class Locks:
    """One lock per machine on each node; ``on`` gives those of a node."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._nodes: dict[str, Locks] = {}
        self._locks: defaultdict[int, _Lock] = defaultdict(_Lock)

    def on(self, node: str) -> "Locks":
        """Return a node's own locks: lock files are not shared between nodes."""
        return self._nodes.setdefault(node, Locks(self._clock))

    def is_held(self, vmid: int) -> bool:
        """Tell whether somebody holds the machine's lock in any way."""
        return not self._locks[vmid].is_free(shared=False)

    @asynccontextmanager
    async def config(
        self, vmid: int, *, shared: bool = False, wait: float = WRITE_WAIT, say: Say | None = None
    ) -> AsyncGenerator[None]:
        """Hold a machine's lock; refuses with the lock file's text when ``wait`` is over."""
        await self._take(vmid, shared=shared, wait=wait, say=say)
        try:
            yield
        finally:
            await self._drop(vmid, shared=shared)

    async def _take(self, vmid: int, *, shared: bool, wait: float, say: Say | None) -> None:
        lock = self._locks[vmid]
        if lock.is_free(shared=shared):
            lock.take(shared=shared)
            return
        if say:
            say("trying to acquire lock...")
        try:
            async with asyncio.timeout(self._clock.scaled(wait)), lock.changed:
                await lock.changed.wait_for(lambda: lock.is_free(shared=shared))
                lock.take(shared=shared)
        except TimeoutError:
            path = f"/var/lock/qemu-server/lock-{vmid}.conf"
            raise Refusal(f"can't lock file '{path}' - got timeout") from None
        if say:
            say(" OK")

    async def _drop(self, vmid: int, *, shared: bool) -> None:
        lock = self._locks[vmid]
        lock.drop(shared=shared)
        async with lock.changed:
            lock.changed.notify_all()
