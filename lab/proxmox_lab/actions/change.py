"""Changing a machine's configuration: all that Proxmox checks and rewrites on the way in."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from proxmox_lab.actions import keys
from proxmox_lab.actions.drive_change import attach, detach
from proxmox_lab.actions.power import refuse_locked
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
    delete = tuple(filter(None, _LIST.split(call.text("delete"))))
    revert = tuple(filter(None, _LIST.split(call.text("revert"))))
    if not wishes and not delete and not revert:
        raise Refusal("no options specified")
    options = call.lab.table.machine_options()
    for key in delete:
        if key in wishes:
            raise invalid({"delete": f"you can't use '-{key}' and -delete {key}' at the same time"})
        if rule_for(options, key) is None or key in CONTROLS:
            raise invalid({"delete": f"unknown option '{key}'"})
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


def only_root_skips(call: Call) -> bool:
    """Return whether locks are to be skipped; only root may."""
    if call.switch("skiplock") and not call.caller.is_root:
        raise invalid({"skiplock": "Only root may use this option."})
    return call.switch("skiplock")


def refuse_early(call: Call, change: Change) -> Machine:
    """Check rights, digest and lock; return the machine."""
    for key in change.delete:
        keys.may_change(call, key, None)
    for key, value in change.values.items():
        keys.may_change(call, key, value)
    machine = call.lab.site.machine(call.vmid)
    if change.digest and change.digest != config.digest(machine):
        raise Refusal("checksum mismatch (file change by other user?)")
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
        for key in change.delete:
            _delete(call, machine, key, force=change.force)
        for key, value in change.values.items():
            _set(call, machine, key, value, task)
        call.lab.store.save_machine(machine)


def _delete(call: Call, machine: Machine, key: str, *, force: bool) -> None:
    machine.pending.pop(key, None)
    if key not in machine.config:
        return
    if config.DRIVE.match(key) or key.startswith("unused"):
        detach(machine, key, force=force)
    elif _must_wait(call, key):
        machine.doomed.append(key)
    else:
        del machine.config[key]


def _set(call: Call, machine: Machine, key: str, value: str, task: Task | None) -> None:
    _refuse_by_others(machine, key, value)
    if config.DRIVE.match(key):
        attach(call.lab, machine, (key, value), task)
        return
    stored = values.stored(key, value)
    machine.doomed = [doomed for doomed in machine.doomed if doomed != key]
    if not stored:
        machine.config.pop(key, None)
    elif _must_wait(call, key):
        machine.pending[key] = stored
        if machine.config.get(key) == stored:
            del machine.pending[key]
    else:
        machine.config[key] = stored


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
