"""How systemd stops a unit: its own commands first, then a signal, then the axe."""

import asyncio
import shlex
import time

from proxmox_lab.guests.simulated.model.actor import ROOT
from proxmox_lab.guests.simulated.model.unit_files import EXEC_PREFIXES, UnitFile
from proxmox_lab.guests.simulated.model.units import Activity, UnitState
from proxmox_lab.guests.simulated.programs.running import Process
from proxmox_lab.guests.simulated.system.machine import Machine

GENTLE, FINAL = "SIGTERM", "SIGKILL"
MAIN_PID = "$MAINPID"


async def stop_unit(machine: Machine, name: str) -> None:
    """Stop a unit and close what it listens on; who does not go is killed, without a wait."""
    state = machine.units.state(name)
    process = machine.processes.get(state.pid)
    unit = machine.units.find(name)
    if process is not None and unit is not None:
        await _ask(machine, unit, state, process)
    machine.processes.pop(state.pid, None)
    if process is not None:
        process.close()
        # A transport lets go of its port in the loop's next turn; a restart needs it now.
        await asyncio.sleep(0)
    if unit is not None and unit.get("Socket", "ListenFIFO"):
        _close_pipe(machine, unit)
    state.activity, state.pid, state.since = Activity.INACTIVE, 0, time.time()


async def stop_units(machine: Machine) -> None:
    """Stop all that runs, each in its own way, as a shutdown does; keep what they said last."""
    running = [name for name, state in machine.units.states.items() if state.pid]
    for name in running:
        journal = machine.units.state(name).journal
        said = len(list(journal))
        await stop_unit(machine, name)
        machine.last_words[name] = list(journal)[said:]


async def _ask(machine: Machine, unit: UnitFile, state: UnitState, process: Process) -> None:
    actor = ROOT if process.owner == ROOT.name else machine.actor(process.owner)
    for line in unit.all("Service", "ExecStop"):
        words = shlex.split(line.lstrip(EXEC_PREFIXES).replace("${MAINPID}", MAIN_PID))
        words = [word.replace(MAIN_PID, str(process.pid)) for word in words]
        whom = ROOT if line.startswith(("+", "!")) else actor
        _, said = await machine.run_command(words, whom)
        state.journal.extend(said.splitlines())
    if not process.ended:
        process.signal(unit.get("Service", "KillSignal", GENTLE))
    if not process.ended:
        patience = unit.get("Service", "TimeoutStopSec", "90")
        state.journal.append(f"(simulated) still there after {patience} s")
        process.signal(FINAL)


def _close_pipe(machine: Machine, unit: UnitFile) -> None:
    path = unit.get("Socket", "ListenFIFO")
    machine.files.pipes.pop(path, None)
    if unit.get("Socket", "RemoveOnStop") in ("yes", "true", "1", "on"):
        machine.files.remove(path)
