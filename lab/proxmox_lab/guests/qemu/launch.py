"""Power on: a machine's first start resumes a golden state where one fits; all others boot."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from proxmox_lab.guests.port import GuestConfig, GuestFailure, Reach
from proxmox_lab.guests.qemu import image, state
from proxmox_lab.guests.qemu.accel import Accel
from proxmox_lab.guests.qemu.command import Boot, RunFiles, network_card, start_command
from proxmox_lab.guests.qemu.gate import at_gate
from proxmox_lab.guests.qemu.golden import Golden, GoldenStates
from proxmox_lab.guests.qemu.network import choose_reach, may_bind, still_fits
from proxmox_lab.guests.qemu.power import Powered
from proxmox_lab.guests.qemu.probe import Accelerator
from proxmox_lab.guests.qemu.process import run
from proxmox_lab.guests.qemu.runs import Run, Runs
from proxmox_lab.guests.qemu.seed import seed_of, write_seed
from proxmox_lab.template.built import Template


@dataclass(frozen=True, slots=True, kw_only=True)
class Start:
    """What is started."""

    config: GuestConfig
    runs: Runs
    accel: Accel
    reach: Reach

    @property
    def disk(self) -> Path:
        return self.config.directory / "disk.qcow2"


class Launcher:
    """Starts machines; ``goldens`` None: each of them boots."""

    def __init__(
        self,
        *,
        template: Template,
        accelerator: Accelerator,
        goldens: GoldenStates | None,
        apt_source: str = "",
    ) -> None:
        self._template = template
        self._apt_source = apt_source
        self._accelerator = accelerator
        self._goldens = goldens

    async def launch(self, config: GuestConfig, runs: Runs) -> tuple[Run, str | None]:
        """Return the living start, and what is worth saying of how it came about."""
        was_cut = await runs.end_unfinished()
        reach = runs.last_reach()
        is_first = reach is None
        if reach is None or not still_fits(reach, config):
            reach = choose_reach(config, may_bind)
        accel = await self._accelerator.choose()
        start = Start(config=config, runs=runs, accel=accel, reach=reach)
        if was_cut:
            # Perhaps it was cut before its disk had grown from the golden state's size to its own.
            size = max(config.disk_bytes, await image.virtual_size(start.disk))
            await self._renew(start, size)
        self._write_seed(config)
        # Where the processor itself runs the guest, it boots in the time that resuming takes.
        if self._goldens is None or accel is not Accel.TCG or not is_first:
            return await self._boot(start), None
        if not await image.is_untouched(start.disk, self._template.disk):
            return await self._boot(start), None
        return await self._resume_or_boot(start, self._goldens)

    async def _resume_or_boot(self, start: Start, goldens: GoldenStates) -> tuple[Run, str]:
        try:
            golden = await goldens.find_or_make(start.config, self._template, start.accel)
        except GuestFailure as failure:
            return await self._boot(start), f"booting, for want of a golden state: {failure}"
        size = await image.virtual_size(start.disk)
        try:
            return await self._resume(start, golden, size), "resumed from the golden state"
        except GuestFailure as failure:
            goldens.distrust(golden, str(failure))
            await start.runs.end_unfinished()
            await self._renew(start, size)
            return await self._boot(start), f"booting, as the golden state failed: {failure}"

    async def _resume(self, start: Start, golden: Golden, size: int) -> Run:
        """Let the saved boot go on with this machine's own disk, seed, time, id and network."""
        files = start.runs.prepare(start.reach, unfinished=True)
        await image.clone(golden.disk, start.disk, 0)
        started = await self._run(start, files, Boot.RESUMED, state.loading(golden.state))
        powered = Powered(started)
        try:
            async with at_gate(files.gate) as gate:
                await state.until_loaded(powered.monitor)
                await powered.monitor.execute("block_resize", device="d0", size=size)
                await powered.monitor.execute("cont")
                await powered.monitor.execute("device_add", **network_card(start.config))
                await gate.let_through()
        except BaseException:
            await powered.cut()
            raise
        start.runs.finish(started)
        return started

    async def _boot(self, start: Start) -> Run:
        return await self._run(start, start.runs.prepare(start.reach), Boot.COLD)

    async def _run(
        self, start: Start, files: RunFiles, boot: Boot, more: Sequence[str] = ()
    ) -> Run:
        words = start_command(
            start.config,
            template=self._template,
            accel=start.accel,
            files=files,
            reach=start.reach,
            boot=boot,
        )
        done = await run(*words, *more)
        started = start.runs.find(files)
        if done.code != 0 or started is None:
            raise GuestFailure(f"start failed: {done.err.decode(errors='replace').strip()}")
        return started

    def _write_seed(self, config: GuestConfig) -> None:
        with_agent = self._template.brings_agent
        seed = seed_of(config, with_agent=with_agent, apt_source=self._apt_source)
        write_seed(seed, config.directory / "seed.iso")

    async def _renew(self, start: Start, size: int) -> None:
        """Make its disk a clone of the template again."""
        await image.clone(self._template.disk, start.disk, size)
