"""Changing a machine's configuration: all that Proxmox checks and rewrites on the way in."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from proxmox_lab.actions import keys
from proxmox_lab.actions.drive_change import attach, detach
from proxmox_lab.actions.hotplug import is_other_card, unplugged
from proxmox_lab.actions.power import refuse_locked, refuse_modified
from proxmox_lab.call import Call
from proxmox_lab.machines import config, values
from proxmox_lab.refusal import Refusal, invalid
from proxmox_lab.schema.properties import loosely
from proxmox_lab.schema.table import rule_for
from proxmox_lab.site.things import Machine
from proxmox_lab.tasks.task import Task

CONTROLS: Final = frozenset(
    {"node", "vmid", "delete", "revert", "digest", "skiplock", "force", "background_delay"}
)
ONLY_ROOT: Final = "Only root may use this option."
UNKNOWN: Final = "unknown option '{}'"
_LIST: Final = re.compile(r"[,;\s]+")


@dataclass(frozen=True, slots=True)
class Change:
    """What one call wants: values to set, keys to delete, keys to take back."""

    values: Mapping[str, str]
    delete: tuple[str, ...]
    revert: tuple[str, ...]
    digest: str | None
    skip_lock: bool
    force: bool


def read(call: Call) -> Change:
    """Take the wishes out of a call, with the refusals that need no machine."""
    skip_lock = only_root_skips(call)
    wishes = {k: call.text(k) for k in call.parameters if k not in CONTROLS}
    delete = known_keys(call, "delete")
    revert = known_keys(call, "revert")
    if not wishes and not delete and not revert:
        raise Refusal("no options specified")
    for way, listed in (("delete", delete), ("revert", revert)):
        for key in listed:
            if key in wishes:
                text = f"you can't use '-{key}' and -{way} {key}' at the same time"
                raise invalid({way: text})
    for key, value in wishes.items():
        values.refuse(key, value)
    return Change(
        values=wishes,
        delete=delete,
        revert=revert,
        digest=call.text("digest") or None,
        skip_lock=skip_lock,
        force=call.switch("force"),
    )


def known_keys(call: Call, parameter: str) -> tuple[str, ...]:
    """Return the keys a parameter lists, or refuse those that no machine can have."""
    listed = tuple(filter(None, _LIST.split(call.text(parameter))))
    options = call.lab.table.machine_options()
    for key in listed:
        if rule_for(options, key) is None or key in CONTROLS:
            raise invalid({"delete" if parameter == "idlist" else parameter: UNKNOWN.format(key)})
    return listed


def only_root_skips(call: Call) -> bool:
    """Return whether locks are to be skipped; only root may."""
    if call.switch("skiplock") and not call.caller.is_root:
        raise invalid({"skiplock": ONLY_ROOT})
    return call.switch("skiplock")


def refuse_early(call: Call, change: Change) -> Machine:
    """Check rights, digest and lock; return the machine."""
    for key in change.delete:
        keys.may_change(call, key, None)
    for key, value in change.values.items():
        keys.may_change(call, key, value)
    machine = call.lab.site.machine(call.vmid)
    refuse_modified(machine, change.digest)
    if not change.skip_lock:
        _refuse_locked_early(call, machine)
    return machine


def _refuse_locked_early(call: Call, machine: Machine) -> None:
    """Releases before 9 look at ``lock: clone`` only once they hold the file's lock."""
    if call.lab.release.is_modern or not call.lab.locks.is_held(machine.vmid):
        refuse_locked(machine)


async def apply(call: Call, change: Change, task: Task | None = None) -> None:
    """Bring the change about under the machine's lock."""
    say = task.say if task else None
    async with call.lab.locks.config(call.vmid, say=say):
        machine = call.lab.site.machine(call.vmid)
        if not change.skip_lock:
            refuse_locked(machine)
        for key in change.revert:
            machine.pending.pop(key, None)
            machine.doomed = [doomed for doomed in machine.doomed if doomed != key]
        errors: dict[str, str] = {}
        for key in change.delete:
            errors |= await _delete(call, machine, key, force=change.force)
        for key, value in change.values.items():
            errors |= await _set(call, machine, key, value, task)
        call.lab.store.save_machine(machine)
    if errors:
        raise invalid(errors)


async def _delete(call: Call, machine: Machine, key: str, *, force: bool) -> dict[str, str]:
    machine.pending.pop(key, None)
    if key not in machine.config:
        return {}
    stuck = await unplugged(call.lab, machine, key)
    if stuck or _must_wait(call, key):
        machine.doomed = [*(doomed for doomed in machine.doomed if doomed != key), key]
    elif config.DRIVE.match(key) or key.startswith("unused"):
        detach(machine, key, force=force)
    else:
        del machine.config[key]
    return {key: stuck} if stuck else {}


async def _set(
    call: Call, machine: Machine, key: str, value: str, task: Task | None
) -> dict[str, str]:
    _refuse_by_others(machine, key, value)
    if config.DRIVE.match(key):
        attach(call.lab, machine, (key, value), task)
        return {}
    stored = values.stored(key, value)
    machine.doomed = [doomed for doomed in machine.doomed if doomed != key]
    stuck = None
    if not stored:
        machine.config.pop(key, None)
        return {}
    if config.NET.match(key) and is_other_card(machine.config.get(key), stored):
        stuck = await unplugged(call.lab, machine, key)
    if stuck or _must_wait(call, key):
        machine.pending[key] = stored
        if machine.config.get(key) == stored:
            del machine.pending[key]
    else:
        machine.config[key] = stored
    return {key: stuck} if stuck else {}


def _must_wait(call: Call, key: str) -> bool:
    return call.lab.guesthouse.is_running(call.vmid) and not keys.plugs_at_once(key)


def _refuse_by_others(machine: Machine, key: str, value: str) -> None:
    wanted = config.wanted(machine)
    if key == "balloon" and int(value) > config.memory_of(wanted):
        raise Refusal("balloon value too large (must be smaller than assigned memory)")
    if key == "boot":
        for device in filter(None, loosely(value).get("order", "").split(";")):
            if device not in wanted:
                raise Refusal(f"invalid bootorder: device '{device}' does not exist'")
