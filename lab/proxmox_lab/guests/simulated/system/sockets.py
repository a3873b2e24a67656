"""Socket units, those that listen on a FIFO: what is written into it, a service reads."""

import posixpath
from collections.abc import Callable

from proxmox_lab.guests.simulated.model.files import Kind, Node
from proxmox_lab.guests.simulated.model.unit_files import UnitFile
from proxmox_lab.guests.simulated.model.units import Activity
from proxmox_lab.guests.simulated.system.machine import Machine

SUFFIX = ".socket"


def open_socket(machine: Machine, unit: UnitFile) -> None:
    """Listen: the FIFO is there, and its lines go to the service."""
    path = unit.get("Socket", "ListenFIFO")
    if path:
        owner = unit.get("Socket", "SocketUser", "root")
        group = unit.get("Socket", "SocketGroup", owner)
        mode = int(unit.get("Socket", "SocketMode", "0666"), 8)
        machine.files.make_directories(posixpath.dirname(path))
        machine.files.put(path, Node(kind=Kind.FIFO, mode=mode, owner=owner, group=group))
        machine.files.pipes[path] = _reader(machine, _service(unit))
    machine.units.state(unit.name).activity = Activity.ACTIVE


def sockets_of(unit: UnitFile) -> list[str]:
    """The socket units that a service wants beside itself."""
    named = [*unit.all("Service", "Sockets"), *unit.all("Unit", "Requires")]
    words = [word for line in named for word in line.split()]
    return [word for word in words if word.endswith(SUFFIX)]


def _service(unit: UnitFile) -> str:
    return unit.get("Socket", "Service", unit.name.removesuffix(SUFFIX) + ".service")


def _reader(machine: Machine, service: str) -> Callable[[bytes], None]:
    def read(data: bytes) -> None:
        process = machine.processes.get(machine.units.state(service).pid)
        if process is None:
            return
        for line in data.decode(errors="replace").splitlines():
            process.hear(line)

    return read
