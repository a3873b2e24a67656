"""The exact words QEMU is started with; nothing here touches the machine."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum, auto
from pathlib import Path
from typing import Final

from proxmox_lab.guests.port import GuestConfig, Reach
from proxmox_lab.guests.qemu.accel import Accel
from proxmox_lab.guests.qemu.network import netdev, network_of
from proxmox_lab.template.built import Template

BINARY: Final = "qemu-system-x86_64"
KERNEL_LINE: Final = (
    "console=ttyS0 rw quiet loglevel=3 net.ifnames=0 mitigations=off tsc=reliable "
    "no_timer_check nowatchdog random.trust_cpu=on"
)
# What runs the guest's instructions, and the processor it then sees. 256 MiB of translated code
# boot as quickly as 512 and take a third less memory; Nehalem is what translates well.
ACCELERATORS: Final = {
    Accel.TCG: ("-accel", "tcg,thread=multi,tb-size=256", "-cpu", "Nehalem"),
    Accel.KVM: ("-accel", "kvm", "-cpu", "host"),
}


# Address space layout is not randomised where instructions are translated: a program at another
# address each time is translated anew each time, and starting one takes twice as long.
_EXTRA_WORDS: Final = {Accel.TCG: " norandmaps", Accel.KVM: ""}


class Boot(StrEnum):
    """How a machine comes to life. All have the same devices, or no state would fit."""

    COLD = auto()  # it boots
    TO_GATE = auto()  # it boots as far as the gate, without a network card
    RESUMED = auto()  # it goes on from a saved state, and is given its network card then


_GATE: Final = {Boot.COLD: "", Boot.TO_GATE: " lab.gate", Boot.RESUMED: ""}


@dataclass(frozen=True, slots=True, kw_only=True)
class RunFiles:
    """The files of one start of a guest. Sockets' paths must be short, hence their own folder."""

    disk: Path
    seed: Path
    folder: Path

    @property
    def monitor(self) -> Path:
        return self.folder / "qmp.sock"

    @property
    def agent(self) -> Path:
        return self.folder / "qga.sock"

    @property
    def gate(self) -> Path:
        return self.folder / "gate.sock"

    @property
    def pid(self) -> Path:
        return self.folder / "qemu.pid"

    @property
    def serial(self) -> Path:
        return self.folder / "serial.log"


def start_command(
    config: GuestConfig,
    *,
    template: Template,
    accel: Accel,
    files: RunFiles,
    reach: Reach,
    boot: Boot = Boot.COLD,
) -> tuple[str, ...]:
    """Return the command that starts the guest and leaves it running on its own."""
    return (
        BINARY,
        *("-name", f"guest={_value(config.name)}"),
        *("-machine", "q35"),
        *ACCELERATORS[accel],
        *("-smp", str(config.cores), "-m", str(config.memory_mib)),
        *("-nodefaults", "-no-user-config", "-display", "none"),
        *("-kernel", str(template.kernel), "-initrd", str(template.initrd)),
        *("-append", f"root={template.root} {KERNEL_LINE}{_EXTRA_WORDS[accel]}{_GATE[boot]}"),
        *_disks(files),
        *("-netdev", netdev(network_of(config), reach)),
        *("-device", "pcie-root-port,id=rp1,chassis=1,slot=1"),
        *(("-device", _words(network_card(config))) if boot is Boot.COLD else ()),
        *_channels(files),
        *("-device", "vmgenid,guid=auto,id=vmgen0"),
        *("-daemonize", "-pidfile", str(files.pid)),
    )


def network_card(config: GuestConfig) -> Mapping[str, str]:
    """Return the card as a device to be plugged in."""
    card = {"driver": "virtio-net-pci", "netdev": "n0", "id": "nic0", "bus": "rp1"}
    return card | {"mac": config.mac, "romfile": ""}


def _words(device: Mapping[str, str]) -> str:
    return ",".join(f"{name}={_value(value)}" for name, value in device.items())


def _disks(files: RunFiles) -> tuple[str, ...]:
    # "unsafe" leaves syncing to the host: a killed QEMU loses nothing, a host that loses power may.
    disk = f"if=none,id=d0,file={_value(files.disk)},format=qcow2,cache=unsafe,discard=unmap"
    seed = f"if=none,id=d1,file={_value(files.seed)},format=raw,readonly=on"
    return (
        *("-drive", disk, "-device", "virtio-blk-pci,drive=d0,id=vd0"),
        *("-drive", seed, "-device", "virtio-blk-pci,drive=d1,id=vd1"),
    )


def _channels(files: RunFiles) -> tuple[str, ...]:
    return (
        *("-device", "virtio-serial-pci,id=vs0"),
        *("-chardev", f"socket,id=qga,path={_value(files.agent)},server=on,wait=off"),
        *("-device", "virtserialport,chardev=qga,name=org.qemu.guest_agent.0,id=p1,nr=1"),
        *("-chardev", f"socket,id=gate,path={_value(files.gate)},server=on,wait=off"),
        *("-device", "virtserialport,chardev=gate,name=lab.gate.0,id=p2,nr=2"),
        *("-object", "rng-random,id=r0,filename=/dev/urandom"),
        *("-device", "virtio-rng-pci,rng=r0,id=rng0"),
        *("-qmp", f"unix:{_value(files.monitor)},server=on,wait=off"),
        *("-chardev", f"file,id=ser,path={_value(files.serial)}", "-serial", "chardev:ser"),
    )


def _value(text: object) -> str:
    """QEMU reads a comma as the next option; doubled, it is a comma."""
    return str(text).replace(",", ",,")
