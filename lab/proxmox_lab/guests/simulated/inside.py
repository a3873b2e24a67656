"""The inside of a simulated guest, made when somebody first looks: most guests wait unopened."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from proxmox_lab.guests.port import GuestConfig
from proxmox_lab.guests.simulated.agent import GuestAgent
from proxmox_lab.guests.simulated.model.disk import Disk, fresh_disk
from proxmox_lab.guests.simulated.model.saved import BLOBS, disk_from_json, read_state
from proxmox_lab.guests.simulated.ssh.server import SshServer
from proxmox_lab.guests.simulated.system.machine import Hardware, Machine
from proxmox_lab.guests.simulated.write_back import DiskWriter


@dataclass(frozen=True, slots=True, kw_only=True)
class Inside:
    """A disk and what works on it."""

    machine: Machine
    agent: GuestAgent
    server: SshServer
    writer: DiskWriter


def open_inside(directory: Path, *, powered: Callable[[], bool]) -> Inside:
    """Read the saved disk, or make one of the image; ``powered`` tells how the switch stands."""
    disk = _disk(directory)
    writer = DiskWriter(directory, disk, powered=powered)
    machine = Machine(disk, changed=writer.soon)
    agent = GuestAgent(machine)
    machine.run_command = agent.run_command
    return Inside(machine=machine, agent=agent, server=SshServer(machine), writer=writer)


def _disk(directory: Path) -> Disk:
    state, blobs = read_state(directory), directory / BLOBS
    return fresh_disk(blobs) if state is None else disk_from_json(state, blobs=blobs)


def hardware_of(config: GuestConfig, *, loopback: str) -> Hardware:
    """What a guest sees of its VM; its sockets are on ``loopback``."""
    return Hardware(
        cores=config.cores,
        memory_mib=config.memory_mib,
        disk_bytes=config.disk_bytes,
        mac=config.mac,
        address=config.address,
        gateway=config.gateway,
        loopback=loopback,
    )
