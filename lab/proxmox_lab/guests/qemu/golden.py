"""Golden states: a boot saved once, from which machines of the same shape are resumed.

Kept in the template's folder, under a digest of the very command they were made with: a state fits
no other.
"""

import asyncio
import fcntl
import hashlib
import logging
import shutil
import time
from collections.abc import Generator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from proxmox_lab.guests.port import GuestConfig, GuestFailure, Reach
from proxmox_lab.guests.qemu import image, state
from proxmox_lab.guests.qemu.accel import Accel
from proxmox_lab.guests.qemu.command import BINARY, Boot, RunFiles, start_command
from proxmox_lab.guests.qemu.gate import at_gate
from proxmox_lab.guests.qemu.power import Powered
from proxmox_lab.guests.qemu.process import kill, run
from proxmox_lab.guests.qemu.runs import Runs
from proxmox_lab.guests.qemu.seed import seed_of, write_seed
from proxmox_lab.template.built import Template

log = logging.getLogger(__name__)
_NOWHERE: Final = Reach(ssh_host="", ssh_port=0, public_host="")
_ANYWHERE: Final = RunFiles(disk=Path("disk"), seed=Path("seed"), folder=Path("run"))
_MAKING: Final = ".making-"
_SETTLING: Final = 1.0  # seconds, for what else the boot had begun


@dataclass(frozen=True, slots=True, kw_only=True)
class Golden:
    """A saved boot: the machine's memory, and the disk as it was at that moment."""

    folder: Path

    @property
    def disk(self) -> Path:
        return self.folder / "disk.qcow2"

    @property
    def state(self) -> Path:
        return self.folder / "state"


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """What one state can serve."""

    config: GuestConfig
    template: Template
    accel: Accel

    def command(self, files: RunFiles) -> tuple[str, ...]:
        """Return how a machine of this shape boots as far as the gate."""
        return start_command(
            self.config,
            template=self.template,
            accel=self.accel,
            files=files,
            reach=_NOWHERE,
            boot=Boot.TO_GATE,
        )

    async def name(self) -> str:
        """Name its state by all that a state depends on."""
        version = (await run(BINARY, "--version")).out
        anywhere = replace(self, template=replace(self.template, directory=Path("template")))
        words = "\0".join(anywhere.command(_ANYWHERE)).encode()
        digest = hashlib.sha256(words + version).hexdigest()[:12]
        return f"{self.config.cores}c-{self.config.memory_mib}m-{digest}"


class GoldenStates:
    """Finds the state for a machine's shape, or makes it; what failed once is not tried again."""

    def __init__(self) -> None:
        self._one_at_a_time = asyncio.Lock()
        self._failed: dict[Path, str] = {}

    async def find_or_make(self, config: GuestConfig, template: Template, accel: Accel) -> Golden:
        """Return the state for this shape; raises ``GuestFailure`` where there can be none."""
        if not template.has_gate:
            raise GuestFailure("this template has no gate to save a boot at")
        shape = Shape(config=_nobodys(config), template=template, accel=accel)
        async with self._one_at_a_time:
            golden = Golden(folder=template.golden / await shape.name())
            if golden.folder in self._failed:
                raise GuestFailure(self._failed[golden.folder])
            if not golden.state.exists():
                await self._make(shape, golden)
            return golden

    def distrust(self, golden: Golden, reason: str) -> None:
        """Use it no more. It stays: machines that were resumed from it stand on its disk."""
        self._failed[golden.folder] = reason

    async def _make(self, shape: Shape, golden: Golden) -> None:
        began = time.monotonic()
        making = Golden(folder=golden.folder.with_name(f"{_MAKING}{golden.folder.name}"))
        with _alone_in(shape.template.golden):
            await _clear(making)
            try:
                await _save_a_boot(shape, making)
                making.folder.rename(golden.folder)
            except (GuestFailure, OSError) as failure:
                self.distrust(golden, str(failure))
                raise GuestFailure(str(failure)) from failure
            finally:
                await _clear(making)
        log.info("golden state %s made in %.1f s", golden.folder, time.monotonic() - began)


def end_abandoned(template: Template) -> None:
    """End and remove the boots whose saving was cut off with the lab that saved them."""
    if not template.golden.is_dir():
        return
    with suppress(GuestFailure, OSError), _alone_in(template.golden):
        for folder in template.golden.glob(f"{_MAKING}*"):
            runs = Runs(folder)
            if (left := runs.find_alive()) is not None:
                kill(left.pid, left.files.folder)
            runs.forget()
            shutil.rmtree(folder, ignore_errors=True)


def _nobodys(config: GuestConfig) -> GuestConfig:
    """Return a machine with nothing of its own but its size."""
    return GuestConfig(
        vmid=0,
        name="golden",
        directory=Path(),
        template=config.template,
        cores=config.cores,
        memory_mib=config.memory_mib,
        disk_bytes=0,
        mac="",
    )


async def _save_a_boot(shape: Shape, making: Golden) -> None:
    making.folder.mkdir()
    await image.clone(shape.template.disk, making.disk, 0)
    write_seed(seed_of(shape.config), making.folder / "seed.iso")
    runs = Runs(making.folder)
    files = runs.prepare(_NOWHERE)
    done = await run(*shape.command(files))
    alive = runs.find_alive()
    if done.code != 0 or alive is None:
        raise GuestFailure(done.err.decode(errors="replace").strip())
    async with at_gate(files.gate) as gate:
        await gate.until_reached()
        await asyncio.sleep(_SETTLING)
        await state.save(Powered(alive).monitor, making.state)
        await Powered(alive).cut()


async def _clear(making: Golden) -> None:
    """End and remove what is half made, perhaps by a lab that was killed."""
    runs = Runs(making.folder)
    if (left := runs.find_alive()) is not None:
        await Powered(left).cut()
    runs.forget()
    shutil.rmtree(making.folder, ignore_errors=True)


@contextmanager
def _alone_in(folder: Path) -> Generator[None]:
    folder.mkdir(exist_ok=True)
    with (folder / ".lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise GuestFailure("another process is saving a boot just now") from None
        yield
