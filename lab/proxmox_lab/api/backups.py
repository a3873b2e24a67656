"""``/nodes/{node}/vzdump``: backups are asked for as ever, and fail: no data is kept here."""

import time
from collections.abc import Mapping
from typing import Any, Final

from proxmox_lab.access.permission import need
from proxmox_lab.call import Call, Handler
from proxmox_lab.refusal import Refusal, invalid
from proxmox_lab.tasks.task import Task

_CONTROLS: Final = frozenset({"node", "vmid", "quiet", "stdout"})
_DEFAULTS: Final[Mapping[str, Any]] = {
    "all": 0, "bwlimit": 0, "compress": "0", "fleecing": {"enabled": 0}, "ionice": 7,
    "lockwait": 180, "mailnotification": "always", "mode": "snapshot",
    "notification-mode": "auto", "pigz": 0, "prune-backups": "keep-all=1", "quiet": 0,
    "performance": {"max-workers": 16, "pbs-entries-max": 1048576}, "remove": 1,
    "stdexcludes": 1, "stop": 0, "stopwait": 10, "zstd": 1,
}  # fmt: skip
_NOT_HERE: Final = "this lab keeps no backups"


async def defaults(call: Call) -> dict[str, Any]:
    """Tell what a backup is made with unless it is asked for otherwise."""
    name = call.text("storage", "local")
    place = call.lab.site.storage(name)
    shown = dict(_DEFAULTS) | {"storage": name, "dumpdir": f"{place.path}/dump"}
    return shown if call.lab.release.is_modern else shown | {"notification-policy": "always"}


def refuse_root_only(call: Call) -> None:
    """Refuse what only root may say of a backup, and what takes a right over the whole site."""
    if call.caller.is_root:
        return
    for name in ("tmpdir", "dumpdir", "script"):
        if name in call.parameters:
            raise invalid({name: "Only root may set this option."})
    if call.parameters.keys() & {"bwlimit", "ionice", "performance"}:
        need(call.lab.rights, call.caller, "/", "Sys.Modify")


def _refuse_elsewhere(call: Call) -> None:
    """Refuse what makes sense at a terminal alone."""
    if call.switch("stdout"):
        raise invalid({"stdout": "option is only allowed on the command line interface."})


async def back_up(call: Call) -> str:
    """Fail to back machines up, in the background."""
    _refuse_elsewhere(call)
    refuse_root_only(call)
    if not any(call.text(key) for key in ("vmid", "all", "pool")):
        raise invalid({"vmid": "property is missing"})
    storage = call.text("storage")
    if storage:
        path = f"/storage/{storage}"
        need(call.lab.rights, call.caller, path, "Datastore.AllocateSpace")

    async def work(task: Task) -> None:
        _refuse_storage(call, storage or "local")
        _say_begin(call, task)
        for vmid in _chosen(call):
            _fail(call, task, vmid)
        task.say("INFO: Backup job finished with errors")
        raise Refusal("job errors")

    listed = call.text("vmid")
    return call.start("vzdump", work, id=listed if listed.isdigit() else "")


def _chosen(call: Call) -> list[int]:
    pool = call.lab.site.rules.pools.get(call.text("pool"))
    if pool is not None:
        return sorted(pool.machines)
    listed = call.text("vmid").replace(";", ",").split(",")
    return [int(vmid) for vmid in filter(None, listed)] or list(call.lab.site.machines)


def _refuse_storage(call: Call, name: str) -> None:
    found = call.lab.site.storages.get(name)
    missing = f"storage '{name}' does not exist"
    if found is None:
        raise Refusal(
            f"could not activate storage '{name}': {missing}\n"
            f"could not get storage information for '{name}': {missing}\n"
        )
    if "backup" not in found.content:
        why = f"can't use storage '{name}' for backups - wrong content type"
        raise Refusal(f"could not get storage information for '{name}': {why}")


def _say_begin(call: Call, task: Task) -> None:
    given = [f"--{k} {call.text(k)}" for k in call.parameters if k not in _CONTROLS]
    words = [call.text("vmid").replace(",", " "), f"--node {call.lab.site.node}", *given]
    task.say(f"INFO: starting new backup job: vzdump {' '.join(words)}")


def _fail(call: Call, task: Task, vmid: int) -> None:
    if vmid not in call.lab.site.machines:
        why = f"unable to find VM '{vmid}'"
    elif not call.lab.rights.has(call.caller, f"/vms/{vmid}", "VM.Backup"):
        why = f"403 Permission check failed (/vms/{vmid}, VM.Backup)"
    else:
        why = _NOT_HERE
    task.say(f"ERROR: Backup of VM {vmid} failed - {why}")
    now = time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime(call.lab.clock.now()))
    task.say(f"INFO: Failed at {now}")


_ROOT: Final = "/nodes/{node}/vzdump"
ROUTES: Final[Mapping[str, Handler]] = {
    f"POST {_ROOT}": back_up,
    f"GET {_ROOT}/defaults": defaults,
}
