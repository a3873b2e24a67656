"""systemd, service and service_facts on the model."""

import time

from proxmox_lab.guests.simulated.model.unit_files import full_name
from proxmox_lab.guests.simulated.model.units import Activity
from proxmox_lab.guests.simulated.modules.task import Answer, Refused, Task
from proxmox_lab.guests.simulated.system.jobs import JobFailed, start_unit
from proxmox_lab.guests.simulated.system.stopping import stop_unit

AUTHENTICATION = "Interactive authentication required."


async def systemd(task: Task) -> Answer:
    """Reload, mask, enable, start and stop, in the order of the real module."""
    arguments, units = task.arguments, task.machine.units
    changes = arguments.optional("name") or arguments.flag("daemon_reload")
    if changes and not task.actor.root and not task.check:
        raise Refused(f"Failed to connect to bus: {AUTHENTICATION}")
    if arguments.flag("daemon_reload") and not task.check:
        units.reload()
    name = arguments.optional("name")
    if name is None:
        return {"changed": False, "name": None, "status": {}}
    answer: Answer = {"changed": False, "name": name, "status": status(task, name)}
    if units.find(name) is None and not units.masked(name):
        if task.check:
            return answer | {"changed": True, "warnings": [f"the unit {name} is not there (yet)"]}
        raise Refused(f"Could not find the requested service {name}: host")
    answer |= _masking(task, name) | _enabling(task, name)
    changed = answer.pop("_masked", False) or answer.pop("_enabled", False)
    if (wanted := arguments.optional("state")) is not None:
        changed = await _powering(task, name, wanted) or changed
        answer["state"] = "stopped" if wanted == "stopped" else "started"
    return answer | {"changed": bool(changed), "status": status(task, name)}


def _masking(task: Task, name: str) -> Answer:
    wanted, units = task.arguments.value("masked"), task.machine.units
    if wanted is None or wanted is units.masked(name):
        return {}
    if not task.check:
        units.mask(name, masked=bool(wanted))
    return {"_masked": True}


def _enabling(task: Task, name: str) -> Answer:
    wanted, units = task.arguments.value("enabled"), task.machine.units
    if wanted is None:
        return {}
    differs = units.enabled(name) is not wanted and units.installable(name)
    if differs and not task.check:
        units.enable(name, enabled=bool(wanted))
    return {"enabled": wanted, "_enabled": differs}


async def _powering(task: Task, name: str, wanted: str) -> bool:
    active = task.machine.units.state(name).activity is Activity.ACTIVE
    verbs = VERBS[(wanted, active)]
    if task.check:
        return bool(verbs)
    for verb in verbs:
        try:
            await (start_unit if verb == "start" else stop_unit)(task.machine, name)
        except JobFailed as failure:
            raise Refused(
                f"Unable to {verb} service {name}: {failure}", status=status(task, name)
            ) from failure
    return bool(verbs)


VERBS = {
    ("started", True): (),
    ("started", False): ("start",),
    ("stopped", True): ("stop",),
    ("stopped", False): (),
    ("restarted", True): ("stop", "start"),
    ("restarted", False): ("start",),
    ("reloaded", True): ("stop", "start"),
    ("reloaded", False): ("start",),
}


def status(task: Task, name: str) -> Answer:
    """The properties of a unit that ``systemctl show`` would tell, those that playbooks read."""
    units = task.machine.units
    state, unit = units.state(name), units.find(name)
    sub = {Activity.ACTIVE: "running", Activity.FAILED: "failed"}.get(state.activity, "dead")
    return {
        "Id": units.canonical(name),
        "Description": unit.get("Unit", "Description") if unit else "",
        "LoadState": "masked" if units.masked(name) else "loaded" if unit else "not-found",
        "ActiveState": str(state.activity),
        "SubState": sub,
        "Result": state.result,
        "MainPID": str(state.pid),
        "UnitFileState": "enabled" if units.enabled(name) else "disabled",
        "FragmentPath": unit.path if unit else "",
        "NeedDaemonReload": "yes" if units.stale(name) else "no",
        "ActiveEnterTimestamp": time.strftime("%a %Y-%m-%d %H:%M:%S UTC", time.gmtime(state.since)),
    }


async def service(task: Task) -> Answer:
    """``service`` on a systemd guest is ``systemd`` with less to say."""
    return await systemd(task)


async def service_facts(task: Task) -> Answer:
    """State of every service."""
    units = task.machine.units
    services = {
        name: {
            "name": name,
            "source": "systemd",
            "state": "running" if units.state(name).activity is Activity.ACTIVE else "stopped",
            "status": "enabled"
            if units.enabled(name)
            else "disabled"
            if units.installable(name)
            else "static",
        }
        for name in map(full_name, units.known())
    }
    return {"changed": False, "ansible_facts": {"services": services}}
