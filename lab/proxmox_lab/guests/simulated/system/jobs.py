"""systemd's jobs on the machine: start and stop units, and what stands in their way."""

import asyncio
import contextlib
import posixpath
import re
import shlex
import time
from dataclasses import replace

from proxmox_lab.guests.simulated.model.actor import ROOT, Actor
from proxmox_lab.guests.simulated.model.files import FileTree, Kind, Node
from proxmox_lab.guests.simulated.model.image import base_image
from proxmox_lab.guests.simulated.model.unit_files import EXEC_PREFIXES, UnitFile
from proxmox_lab.guests.simulated.model.units import Activity, UnitState, environment
from proxmox_lab.guests.simulated.programs.order import Order, Process, ProgramFailed
from proxmox_lab.guests.simulated.programs.process import launch
from proxmox_lab.guests.simulated.script.syntax import first_command
from proxmox_lab.guests.simulated.system.machine import Machine

STATE_FOLDERS = {
    "StateDirectory": "/var/lib",
    "LogsDirectory": "/var/log",
    "CacheDirectory": "/var/cache",
    "RuntimeDirectory": "/run",
    "ConfigurationDirectory": "/etc",
}
TRUE = ("yes", "true", "1", "on")
SHELLS = ("/bin/sh", "/usr/bin/sh", "/bin/bash", "/usr/bin/bash", "/usr/bin/dash")
VARIABLE = re.compile(r"\$\{?(\w+)\}?")


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
    try:
        process = await _run(machine, unit, state)
    except ProgramFailed as failure:
        _fail(state, failure)
        if failure.code:
            raise JobFailed(_blame(machine.units.canonical(name))) from failure
        return
    remains = unit.get("Service", "Type") != "oneshot"
    if remains:
        machine.processes[process.pid] = process
    stays = remains or unit.get("Service", "RemainAfterExit") in TRUE
    state.activity = Activity.ACTIVE if stays else Activity.INACTIVE
    state.pid, state.result = process.pid if remains else 0, "success"


async def stop_unit(machine: Machine, name: str) -> None:
    """Stop a unit and close what it listens on."""
    state = machine.units.state(name)
    process = machine.processes.pop(state.pid, None)
    if process is not None:
        process.close()
        # A transport lets go of its port in the loop's next turn; a restart needs it now.
        await asyncio.sleep(0)
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
    actor = _actor(machine, unit)
    for key, base in STATE_FOLDERS.items():
        for folder in unit.get("Service", key).split():
            machine.files.make_directories(f"{base}/{folder}", owner=actor.name)
    _demand_writable_paths(machine.files, unit)
    cwd = _working_directory(machine.files, unit)
    argv = _command(machine, unit)
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


def _actor(machine: Machine, unit: UnitFile) -> Actor:
    if unit.get("Service", "DynamicUser") in TRUE:
        return machine.actor("nobody")
    name = machine.accounts.user_named(unit.get("Service", "User", "root"))
    group = unit.get("Service", "Group")
    if name is None:
        wanted = unit.get("Service", "User")
        raise ProgramFailed(f"Failed to determine user credentials: {wanted}", code=217)
    if group and machine.accounts.group_named(group) is None:
        raise ProgramFailed(f"Failed to determine group credentials: {group}", code=216)
    actor = machine.actor(name)
    return replace(actor, groups=(group, *actor.groups)) if group else actor


def _demand_writable_paths(files: FileTree, unit: UnitFile) -> None:
    for line in unit.all("Service", "ReadWritePaths"):
        for path in line.split():
            if not path.startswith(("-", "+")) and files.find(path) is None:
                raise ProgramFailed(f"Failed to set up mount namespacing: {path}", code=226)


def _working_directory(files: FileTree, unit: UnitFile) -> str:
    wanted = unit.get("Service", "WorkingDirectory", "/")
    if files.is_directory(wanted.removeprefix("-")):
        return wanted.removeprefix("-")
    if wanted.startswith("-"):
        return "/"
    raise ProgramFailed(f"Changing to the requested working directory failed: {wanted}", code=200)


def _command(machine: Machine, unit: UnitFile) -> list[str]:
    def read(path: str) -> str | None:
        node = machine.files.find(path)
        return None if node is None else machine.files.text(path)

    try:
        variables = environment(unit, read)
    except FileNotFoundError as missing:
        raise ProgramFailed(f"Failed to load environment files: {missing}", code=209) from missing
    argv = [VARIABLE.sub(lambda m: variables.get(m[1], ""), word) for word in unit.argv()]
    if len(argv) > 2 and argv[0] in SHELLS and argv[1] in ("-c", "-ec"):
        return first_command(argv[2])
    return argv


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
