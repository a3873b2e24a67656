"""systemctl and journalctl of the guest's shell."""

import itertools
from collections.abc import Awaitable, Callable, Mapping

from proxmox_lab.guests.simulated.model.units import Activity
from proxmox_lab.guests.simulated.shell.session import (
    Command,
    Outcome,
    Session,
    failed,
    options,
    said,
)
from proxmox_lab.guests.simulated.system.jobs import JobFailed, start_unit
from proxmox_lab.guests.simulated.system.stopping import stop_unit

INACTIVE, UNKNOWN_UNIT = 3, 4


async def systemctl(words: list[str], session: Session) -> Outcome:
    """The verbs playbooks use."""
    _, names = options(words[1:])
    verb, units = (names[0], names[1:]) if names else ("", [])
    if verb == "show":
        return await _show(words[words.index("show") + 1 :], session)
    if verb not in VERBS:
        return failed(f"the simulated guest does not model systemctl {verb}", code=127)
    if verb in PRIVILEGED and not session.actor.root:
        return failed("Failed to connect to bus: Interactive authentication required.")
    code, out = 0, ""
    for unit in units or [""]:
        try:
            its_code, text = await VERBS[verb](unit, session)
        except JobFailed as failure:
            return failed(str(failure))
        code, out = max(code, its_code), out + text
    return Outcome(code=code, out=out.encode())


Verb = Callable[[str, Session], Awaitable[tuple[int, str]]]


async def _is_active(unit: str, session: Session) -> tuple[int, str]:
    activity = session.machine.units.state(unit).activity
    return (0 if activity is Activity.ACTIVE else INACTIVE), f"{activity}\n"


async def _is_failed(unit: str, session: Session) -> tuple[int, str]:
    activity = session.machine.units.state(unit).activity
    return (0 if activity is Activity.FAILED else 1), f"{activity}\n"


async def _is_enabled(unit: str, session: Session) -> tuple[int, str]:
    units = session.machine.units
    if units.find(unit) is None:
        return UNKNOWN_UNIT, "not-found\n"
    if units.enabled(unit):
        return 0, "enabled\n"
    return (1, "disabled\n") if units.installable(unit) else (0, "static\n")


async def _is_system_running(_unit: str, session: Session) -> tuple[int, str]:
    bad = any(state.activity is Activity.FAILED for state in session.machine.units.states.values())
    return (1, "degraded\n") if bad else (0, "running\n")


async def _start(unit: str, session: Session) -> tuple[int, str]:
    await start_unit(session.machine, unit)
    return 0, ""


async def _stop(unit: str, session: Session) -> tuple[int, str]:
    await stop_unit(session.machine, unit)
    return 0, ""


async def _restart(unit: str, session: Session) -> tuple[int, str]:
    await stop_unit(session.machine, unit)
    return await _start(unit, session)


async def _enable(unit: str, session: Session) -> tuple[int, str]:
    session.machine.units.enable(unit, enabled=True)
    return 0, ""


async def _disable(unit: str, session: Session) -> tuple[int, str]:
    session.machine.units.enable(unit, enabled=False)
    return 0, ""


async def _show(words: list[str], session: Session) -> Outcome:
    """Properties of one unit, those that programs ask for."""
    joined = [word.partition("=")[2] for word in words if word.startswith("--property=")]
    after = [word for before, word in itertools.pairwise(words) if before in ("-p", "--property")]
    wanted = [name for text in joined + after for name in text.split(",")]
    unit = next(word for word in reversed(words) if not word.startswith("-"))
    units = session.machine.units
    state = units.state(unit)
    known = {
        "ActiveState": str(state.activity),
        "InvocationID": state.journal.invocation,
        "LoadState": "not-found" if units.find(unit) is None else "loaded",
        "MainPID": str(state.pid),
        "Result": state.result,
    }
    bare = "--value" in words
    lines = [known[name] if bare else f"{name}={known[name]}" for name in wanted or known]
    return said("".join(f"{line}\n" for line in lines))


async def _daemon_reload(_unit: str, session: Session) -> tuple[int, str]:
    session.machine.units.reload()
    return 0, ""


VERBS: Mapping[str, Verb] = {
    "is-active": _is_active,
    "is-failed": _is_failed,
    "is-enabled": _is_enabled,
    "is-system-running": _is_system_running,
    "start": _start,
    "stop": _stop,
    "restart": _restart,
    "enable": _enable,
    "disable": _disable,
    "daemon-reload": _daemon_reload,
}


PRIVILEGED = frozenset({"start", "stop", "restart", "enable", "disable", "daemon-reload"})


async def journalctl(words: list[str], session: Session) -> Outcome:
    """The last lines of a unit (``--lines=+N``: the first), or those of one start of it."""
    after = dict(itertools.pairwise(words))
    joined = {word.partition("=")[0]: word.partition("=")[2] for word in words}
    if "--vacuum-time" in joined:  # journals of a model are short, and end with the power
        return Outcome(err=b"Vacuuming done, freed 0B of archived journals.\n")
    states = session.machine.units.states
    unit = joined.get("--unit") or after.get("--unit") or after.get("-u", "")
    invocation = joined.get("_SYSTEMD_INVOCATION_ID")
    journals = [session.machine.units.state(unit).journal] if unit else []
    if invocation is not None and not unit:
        journals = [state.journal for state in states.values()]
    lines = [
        line
        for journal in journals
        for line in (journal if invocation is None else journal.of(invocation))
    ]
    count = joined.get("--lines") or after.get("--lines") or after.get("-n", "")
    if count.startswith("+"):
        lines = lines[: int(count)]
    elif count.isdigit():
        lines = lines[-int(count) :]
    return said("".join(f"{line}\n" for line in lines) or "-- No entries --")


SERVICE_COMMANDS: Mapping[str, Command] = {"systemctl": systemctl, "journalctl": journalctl}
