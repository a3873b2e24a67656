"""systemd's jobs on the machine: start and stop units, and what stands in their way."""

import contextlib
import posixpath
import shlex
import time
from functools import partial

from proxmox_lab.guests.simulated.model.actor import ROOT, Actor
from proxmox_lab.guests.simulated.model.files import FileTree, Kind, Node
from proxmox_lab.guests.simulated.model.image import base_image
from proxmox_lab.guests.simulated.model.unit_files import EXEC_PREFIXES, UnitFile
from proxmox_lab.guests.simulated.model.units import Activity, UnitState
from proxmox_lab.guests.simulated.programs.order import Order, ProgramFailed
from proxmox_lab.guests.simulated.programs.process import launch
from proxmox_lab.guests.simulated.programs.running import Process
from proxmox_lab.guests.simulated.system.machine import Machine
from proxmox_lab.guests.simulated.system.sockets import SUFFIX, open_socket, sockets_of
from proxmox_lab.guests.simulated.system.surroundings import (
    TRUE,
    actor_of,
    command_of,
    demand_writable_paths,
    home_of,
    working_directory_of,
)

STATE_FOLDERS = {
    "StateDirectory": "/var/lib",
    "LogsDirectory": "/var/log",
    "CacheDirectory": "/var/cache",
    "RuntimeDirectory": "/run",
    "ConfigurationDirectory": "/etc",
}


class JobFailed(Exception):
    """systemctl's own words for a job that did not succeed."""


async def start_unit(machine: Machine, name: str) -> None:
    """Start a unit; raises ``JobFailed`` when its program cannot run or ends with an error."""
    unit = machine.units.find(name)
    if unit is None:
        raise JobFailed(f"Failed to start {name}: Unit {name} not found.")
    if machine.units.masked(name):
        raise JobFailed(f"Failed to start {name}: Unit {name} is masked.")
    state = machine.units.state(name)
    if state.activity is Activity.ACTIVE:
        return
    state.loaded, state.since = unit, time.time()
    if unit.name.endswith(SUFFIX):
        open_socket(machine, unit)
        return
    for socket in sockets_of(unit):
        await start_unit(machine, socket)
    await _start_service(machine, unit, state)


async def _start_service(machine: Machine, unit: UnitFile, state: UnitState) -> None:
    state.journal.begin()
    try:
        process = await _run(machine, unit, state)
    except ProgramFailed as failure:
        _fail(state, failure)
        if failure.code:
            raise JobFailed(_blame(machine.units.canonical(unit.name))) from failure
        return
    remains = unit.get("Service", "Type") != "oneshot"
    if remains:
        machine.processes[process.pid] = process
        process.gone = partial(_reap, machine, state, process)
    stays = remains or unit.get("Service", "RemainAfterExit") in TRUE
    state.activity = Activity.ACTIVE if stays else Activity.INACTIVE
    state.pid, state.result = process.pid if remains else 0, "success"


def _reap(machine: Machine, state: UnitState, process: Process) -> None:
    """A program that ended by itself: its unit is no longer active."""
    machine.processes.pop(process.pid, None)
    process.close()
    state.activity, state.pid, state.since = Activity.INACTIVE, 0, time.time()


async def boot_units(machine: Machine) -> None:
    """Start what is enabled, as at boot: a unit that fails does not stop the others."""
    for name in base_image().running:
        machine.units.state(name).activity = Activity.ACTIVE
    for name in machine.units.wanted_at_boot():
        with contextlib.suppress(JobFailed):
            await start_unit(machine, name)


async def halt_units(machine: Machine) -> None:
    """Close everything at once, as a power cut does."""
    for process in machine.processes.values():
        process.close()
    machine.processes.clear()
    machine.units.states.clear()


async def _run(machine: Machine, unit: UnitFile, state: UnitState) -> Process:
    actor = actor_of(machine, unit)
    for key, base in STATE_FOLDERS.items():
        for folder in unit.get("Service", key).split():
            machine.files.make_directories(f"{base}/{folder}", owner=actor.name)
    demand_writable_paths(machine.files, unit)
    cwd = working_directory_of(machine.files, unit)
    argv = command_of(machine, unit)
    await _run_before(machine, unit, state, actor)
    if not argv:
        return Process(pid=machine.next_pid(), argv=("(none)",), owner=actor.name)
    order = Order(
        argv=tuple(argv),
        cwd=cwd,
        actor=actor,
        files=machine.files,
        address=machine.hardware.loopback,
        log=state.journal.append,
        home=home_of(machine, actor),
    )
    process = await launch(order, pid=machine.next_pid())
    _write_pid_file(machine.files, unit, process)
    return process


async def _run_before(machine: Machine, unit: UnitFile, state: UnitState, actor: Actor) -> None:
    for line in unit.all("Service", "ExecStartPre"):
        words = shlex.split(line.lstrip(EXEC_PREFIXES))
        whom = ROOT if line.startswith(("+", "!")) else actor
        code, said = await machine.run_command(words, whom)
        state.journal.extend(said.splitlines())
        if code and not line.startswith("-"):
            raise ProgramFailed(f"{words[0]} ended with {code}", code=code)


def _write_pid_file(files: FileTree, unit: UnitFile, process: Process) -> None:
    path = unit.get("Service", "PIDFile")
    if path:
        files.make_directories(posixpath.dirname(path))
        node = Node(kind=Kind.FILE, mode=0o644)
        files.write(path, f"{process.pid}\n".encode(), template=node)


def _fail(state: UnitState, failure: ProgramFailed) -> None:
    state.journal.append(str(failure))
    state.activity = Activity.FAILED if failure.code else Activity.INACTIVE
    state.result = "exit-code" if failure.code else "success"
    state.pid = 0


def _blame(name: str) -> str:
    return (
        f"Job for {name} failed because the control process exited with error code.\n"
        f'See "systemctl status {name}" and "journalctl -xeu {name}" for details.'
    )
