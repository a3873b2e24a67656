"""Makes, finds and forgets real guests."""

import asyncio
import os
import weakref
from pathlib import Path
from typing import Final

from proxmox_lab.guests.port import GuestConfig, GuestFailure
from proxmox_lab.guests.qemu import image
from proxmox_lab.guests.qemu.boot_slots import BootSlots
from proxmox_lab.guests.qemu.golden import GoldenStates, end_abandoned
from proxmox_lab.guests.qemu.guest import QemuGuest
from proxmox_lab.guests.qemu.launch import Launcher
from proxmox_lab.guests.qemu.probe import Accelerator
from proxmox_lab.guests.qemu.settings import QemuSettings
from proxmox_lab.template import use
from proxmox_lab.template.built import Template, latest_template, load_template, templates_in
from proxmox_lab.template.required_tools import TO_RUN, missing_tools, remedy

_OURS: Final = ("disk.qcow2", "disk.new", "seed.iso", "seed.new", "reach.json")


class QemuGuests:
    """All real guests of a lab. Every template name of the lab means the one made last."""

    def __init__(
        self,
        *,
        template: Template,
        accelerator: Accelerator,
        settings: QemuSettings,
        stop_on_close: bool = False,
    ) -> None:
        self._template = template
        self._accelerator = accelerator
        self._goldens = GoldenStates() if settings.golden else None
        self._apt_source = settings.apt_source
        self._slots = BootSlots(settings.boots)
        self._stop_on_close = stop_on_close
        self._known: dict[int, QemuGuest] = {}
        self._held: dict[Path, int | None] = {}
        self._let_go = weakref.finalize(self, _close, self._held)
        self._hold(template)

    async def create(self, config: GuestConfig) -> QemuGuest:
        """Make the guest's disk as a linked clone; asked again, keep the one there is."""
        config.directory.mkdir(parents=True, exist_ok=True)
        disk = config.directory / "disk.qcow2"
        if not disk.exists():
            await self._make(disk, config)
        return self._know(config)

    async def _make(self, disk: Path, config: GuestConfig) -> None:
        origin = config.origin
        template = self._template_of(origin.directory) if origin else self._template
        # Before the disk: what is cut off in between is made anew, on the template of then.
        try:
            use.note(template, config.directory)
        except OSError as failure:
            text = f"it could not be noted that VM {config.vmid} rests on its template: {failure}"
            raise GuestFailure(text) from failure
        if origin is None:
            await image.clone(template.disk, disk, config.disk_bytes)
            return
        source = origin.directory.resolve() / "disk.qcow2"
        if origin.linked:
            await image.clone(source, disk, config.disk_bytes)
        else:
            await image.copy(source, disk)

    async def adopt(self, config: GuestConfig) -> QemuGuest:
        """Find the guest again, running or not."""
        if not (config.directory / "disk.qcow2").exists():
            raise GuestFailure(f"VM {config.vmid} has lost its disk in {config.directory}")
        use.note_again(self._template_of(config.directory), config.directory)
        return self._know(config)

    async def resize(self, config: GuestConfig, size: int) -> None:
        """Grow the disk; before the first boot cloud-init then grows the file system too."""
        await self._know(config).grow_disk(size)

    async def snapshot(self, config: GuestConfig, name: str) -> None:
        """Note the disk's state inside its image, by QEMU itself while it runs."""
        await self._know(config).snapshot_disk(name)

    async def roll_back(self, config: GuestConfig, name: str) -> QemuGuest:
        """Bring a noted state of the disk back; memory is not part of it."""
        guest = self._know(config)
        await image.snapshot(config.directory / "disk.qcow2", "-a", name)
        return guest

    async def forget_snapshot(self, config: GuestConfig, name: str) -> None:
        """Remove a noted state from the image."""
        await self._know(config).forget_snapshot(name)

    async def destroy(self, config: GuestConfig) -> None:
        """Stop the guest if it still runs, and remove all there is of it."""
        guest = self._know(config)
        await guest.stop()
        await guest.forget()
        del self._known[config.vmid]
        use.forget(config.directory)
        for name in _OURS:
            (config.directory / name).unlink(missing_ok=True)

    async def close(self) -> None:
        """Let go. Guests go on and are adopted later, unless this lab was told to stop them."""
        await self._slots.close()
        if self._stop_on_close:
            await asyncio.gather(*(guest.stop() for guest in self._known.values()))
        self._let_go()

    def _know(self, config: GuestConfig) -> QemuGuest:
        if config.vmid not in self._known:
            template = self._template_of(config.directory)
            self._hold(template)
            launcher = Launcher(
                template=template,
                accelerator=self._accelerator,
                goldens=self._goldens,
                apt_source=self._apt_source,
            )
            self._known[config.vmid] = QemuGuest(config, launcher=launcher, slots=self._slots)
        return self._known[config.vmid]

    def _template_of(self, directory: Path) -> Template:
        """Find what a guest's disk descends from: its modules fit that template's kernel alone."""
        place = use.named_in(directory)
        return (load_template(place) if place else None) or self._template

    def _hold(self, template: Template) -> None:
        """Have it pruned by nobody while this lab may make or start machines of it."""
        if template.directory not in self._held:
            self._held[template.directory] = use.hold(template)


def _close(held: dict[Path, int | None]) -> None:
    while held:
        if (descriptor := held.popitem()[1]) is not None:
            os.close(descriptor)


def open_guests(cache: Path, *, stop_on_close: bool = False) -> QemuGuests:
    """Return real guests on the template in ``cache``; raise with the remedy if there is none."""
    lacking = missing_tools(root=os.geteuid() == 0, tools=TO_RUN)
    if lacking:
        names = ", ".join(tool.name for tool in lacking)
        what_helps = remedy(lacking, root=os.geteuid() == 0)
        raise GuestFailure(f"missing: {names}; install it: {what_helps}")
    template = latest_template(cache)
    if template is None:
        raise GuestFailure(f"no template in {cache}; build it: yard lab template --cache {cache}")
    for one in templates_in(cache):
        end_abandoned(one)
    settings = QemuSettings()
    return QemuGuests(
        template=template,
        accelerator=Accelerator(template, cache / "accel.json", override=settings.accel),
        settings=settings,
        stop_on_close=stop_on_close,
    )
