"""Reads what our servers' VMs use, now and then, and shows it to Prometheus.

One copy of the service does it at a time. Nothing is kept: a figure that cannot be read is not
shown, rather than an old one.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Final

from prometheus_client import Gauge

from common.metrics import CPU, DISK, MAX_DISK, MAX_MEMORY, MEMORY
from vm_service.domain.figures import Figure
from vm_service.domain.orphans import Life
from vm_service.domain.trouble import Trouble
from vm_service.ports import Instruments, Ledger

log = logging.getLogger(__name__)

EVERY: Final = 15.0  # seconds; the cluster itself looks every ten
DISKS_EVERY: Final = 300.0
GAUGES: Final = (CPU, MEMORY, MAX_MEMORY, DISK, MAX_DISK)


@dataclass(slots=True, kw_only=True)
class Meter:
    """Reads figures in rounds, for as long as its copy holds the lease."""

    instruments: Instruments
    ledger: Ledger
    clock: Callable[[], float]
    sleep: Callable[[float], Awaitable[object]] = asyncio.sleep
    _shown: Mapping[str, Figure] = field(default_factory=dict[str, Figure])
    _disks: dict[str, float] = field(default_factory=dict[str, float])  # when they are read next

    async def keep_reading(self) -> None:
        """Read for ever; whoever takes over shows the figures from then on."""
        disks = asyncio.ensure_future(self._keep_reading_disks())
        try:
            while not disks.done():
                await self.go_round()
                await self.sleep(EVERY)
            disks.result()
        finally:
            disks.cancel()
            await asyncio.gather(disks, return_exceptions=True)
            for gauge in GAUGES:
                gauge.clear()

    async def go_round(self) -> None:
        """Show what runs, and nothing of what does not."""
        running = await self._running()
        for gone in self._shown.keys() - running.keys():
            self._forget(gone)
        for server_id, figure in running.items():
            _show(server_id, figure)
        self._shown = running

    async def _keep_reading_disks(self) -> None:
        while True:
            await self.read_disks()
            await self.sleep(EVERY)

    async def read_disks(self) -> None:
        """Ask the guests that are due, one after the other: a silent one takes seconds."""
        for server_id, figure in self._shown.items():
            if self._disks.get(server_id, 0.0) <= self.clock():
                await self._read_disk(server_id, figure)

    async def _running(self) -> Mapping[str, Figure]:
        records = await self.ledger.records()
        servers = {one.vmid: one.server_id for one in records if one.life is Life.LIVING}
        try:
            figures = await self.instruments.figures()
        except Trouble as trouble:
            log.info("no figures: the hypervisor does not answer", extra={"error": trouble.text})
            return {}
        return {servers[one.vmid]: one for one in figures if one.vmid in servers}

    async def _read_disk(self, server_id: str, figure: Figure) -> None:
        if server_id not in self._shown:
            return
        self._disks[server_id] = self.clock() + DISKS_EVERY
        try:
            usage = await self.instruments.guest_disk(figure.node, figure.vmid)
        except Trouble:
            _remove(server_id, DISK, MAX_DISK)  # its agent is silent, or knows no file systems
            return
        if server_id not in self._shown:
            return  # it was switched off meanwhile
        DISK.labels(server=server_id).set(usage.used)
        MAX_DISK.labels(server=server_id).set(usage.total)

    def _forget(self, server_id: str) -> None:
        self._disks.pop(server_id, None)
        _remove(server_id, *GAUGES)


def _show(server_id: str, figure: Figure) -> None:
    CPU.labels(server=server_id).set(figure.cpu)
    MEMORY.labels(server=server_id).set(figure.memory)
    MAX_MEMORY.labels(server=server_id).set(figure.max_memory)


def _remove(server_id: str, *gauges: Gauge) -> None:
    for gauge in gauges:
        with suppress(KeyError):
            gauge.remove(server_id)
