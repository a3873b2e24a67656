"""``…/status/…``: power verbs. Most of them say 200 and fail in the task."""

from collections.abc import Mapping
from typing import Final

from proxmox_lab.access.permission import need
from proxmox_lab.actions import power
from proxmox_lab.actions.change import ONLY_ROOT, only_root_skips
from proxmox_lab.call import Call, Handler
from proxmox_lab.refusal import Refusal, invalid
from proxmox_lab.tasks.task import Task

_MIGRATION: Final = (
    "stateuri", "migratedfrom", "migration_type", "migration_network", "keepActive",
)  # fmt: skip


async def start(call: Call) -> str:
    """Start in the background."""
    _only_root(call)
    skip = only_root_skips(call)
    return call.start("qmstart", lambda t: power.start(call.lab, call.vmid, t, skip_lock=skip))


async def stop(call: Call) -> str:
    """Cut the power in the background, ending a running shutdown first if that is asked."""
    _only_root(call)
    skip = only_root_skips(call)
    overrule = call.switch("overrule-shutdown")

    async def work(task: Task) -> None:
        if overrule:
            await _overrule(call, task)
        await power.stop(call.lab, call.vmid, task, skip_lock=skip)

    return call.start("qmstop", work)


async def _overrule(call: Call, task: Task) -> None:
    shutdowns = [
        other
        for other in call.lab.tasks.newest_first()
        if other.upid.type == "qmshutdown" and other.upid.id == str(call.vmid)
    ]
    if shutdowns:
        named = ", ".join(str(other.upid) for other in shutdowns)
        task.say(f"overruled qmshutdown tasks: {named}")
    for other in shutdowns:
        await call.lab.tasks.stop(other)


async def shutdown(call: Call) -> str:
    """Ask the guest to power off, in the background."""
    skip = only_root_skips(call)
    _refuse_paused(call)
    timeout = call.number("timeout", power.SHUTDOWN_WAIT)
    force = call.switch("forceStop")

    async def work(task: Task) -> None:
        await power.shutdown(
            call.lab, call.vmid, task, timeout=timeout, force=force, skip_lock=skip
        )

    return call.start("qmshutdown", work)


async def reboot(call: Call) -> str:
    """Shut down and start again, in the background."""
    _refuse_stopped(call)
    timeout = call.number("timeout", power.SHUTDOWN_WAIT)

    async def work(task: Task) -> None:
        await power.reboot(call.lab, call.vmid, task, timeout=timeout)

    return call.start("qmreboot", work)


async def reset(call: Call) -> str:
    """Press the reset button, in the background."""
    skip = only_root_skips(call)
    _refuse_stopped(call)
    return call.start("qmreset", lambda t: power.reset(call.lab, call.vmid, t, skip_lock=skip))


async def suspend(call: Call) -> str:
    """Hold the machine still, in the background; to disk means off, its memory is not kept."""
    skip = only_root_skips(call)
    if call.switch("todisk"):
        need(call.lab.rights, call.caller, f"/vms/{call.vmid}", "VM.Config.Disk")
        return call.start("qmsuspend", lambda t: power.stop(call.lab, call.vmid, t, skip_lock=skip))
    return _paused(call, "qmpause", paused=True, skip=skip)


async def resume(call: Call) -> str:
    """Let the machine go on, in the background."""
    return _paused(call, "qmresume", paused=False, skip=only_root_skips(call))


def _paused(call: Call, kind: str, *, paused: bool, skip: bool) -> str:
    _refuse_stopped(call)

    async def work(task: Task) -> None:
        await power.pause(call.lab, call.vmid, task, paused=paused, skip_lock=skip)

    return call.start(kind, work)


def _refuse_paused(call: Call) -> None:
    """A guest held still cannot shut down; unless power is to be cut afterwards anyway."""
    machine = call.lab.site.machines.get(call.vmid)
    if machine and machine.paused and not call.switch("forceStop"):
        raise Refusal("VM is paused - cannot shutdown")


def _only_root(call: Call) -> None:
    """Refuse what only a migration under way says."""
    errors = {name: ONLY_ROOT for name in _MIGRATION if call.text(name) not in ("", "0")}
    if errors and not call.caller.is_root:
        raise invalid(errors)


def _refuse_stopped(call: Call) -> None:
    power.known(call.lab, call.vmid)
    if not call.lab.guesthouse.is_running(call.vmid):
        raise Refusal(f"VM {call.vmid} not running")


ROUTES: Final[Mapping[str, Handler]] = {
    f"POST /nodes/{{node}}/qemu/{{vmid}}/status/{verb.__name__}": verb
    for verb in (start, stop, shutdown, reboot, reset, suspend, resume)
}
