"""``/cluster/backup``: jobs that would back machines up, as they are kept."""

import re
import secrets
from collections.abc import Mapping
from typing import Any, Final

from proxmox_lab.api.backups import refuse_root_only
from proxmox_lab.call import Call, Handler
from proxmox_lab.machines.config import typed
from proxmox_lab.refusal import VERIFICATION_FAILED, Refusal, invalid
from proxmox_lab.schema.properties import loosely

_DAY: Final = 86_400
_DAILY: Final = re.compile(r"^(\d{1,2}):(\d{2})$")
_SELECTIONS: Final = ("vmid", "all", "pool")
_NOT_KEPT: Final = ("delete", "starttime", "dow", "repeat-missed")


async def jobs(call: Call) -> list[dict[str, Any]]:
    """List the jobs with when they would run next."""
    return [
        shown | ({"next-run": _next(call, shown)} if shown["enabled"] else {})
        for name in call.lab.site.rules.backup_jobs
        for shown in [_shown(call, name)]
    ]


async def job(call: Call) -> dict[str, Any]:
    """Tell one job."""
    if call.text("id") not in call.lab.site.rules.backup_jobs:
        raise invalid({"id": f"No such job '{call.text('id')}'"})
    return _shown(call, call.text("id"))


async def create_job(call: Call) -> None:
    """Keep a job. Whether its storage can do it is not asked."""
    refuse_root_only(call)
    known = call.lab.site.rules.backup_jobs
    name = call.text("id") or f"backup-{secrets.token_hex(4)}-{secrets.token_hex(2)}"
    if name in known:
        raise Refusal(f"Job '{name}' already exists")
    _refuse_selection(_given(call))
    known[name] = _given(call)
    call.lab.store.save_rules(call.lab.site)


async def change_job(call: Call) -> None:
    """Change a job."""
    refuse_root_only(call)
    found = _job(call)
    gone = set(re.split(r"[,;\s]+", call.text("delete")))
    changed = {key: value for key, value in found.items() if key not in gone} | _given(call)
    _refuse_selection(changed)
    call.lab.site.rules.backup_jobs[call.text("id")] = changed
    call.lab.store.save_rules(call.lab.site)


async def delete_job(call: Call) -> None:
    """Remove a job."""
    _job(call)
    del call.lab.site.rules.backup_jobs[call.text("id")]
    call.lab.store.save_rules(call.lab.site)


def _given(call: Call) -> dict[str, str]:
    return {key: call.text(key) for key in call.parameters if key not in (*_NOT_KEPT, "id")}


def _refuse_selection(given: Mapping[str, str]) -> None:
    for other in ("all", "exclude", "pool"):
        if given.get("vmid") and given.get(other) not in (None, "0"):
            raise _late({other: "option conflicts with option 'vmid'"})
    if not any(given.get(name) not in (None, "", "0") for name in (*_SELECTIONS, "exclude")):
        raise _late({"vmid": "property is missing"})


def _job(call: Call) -> dict[str, str]:
    found = call.lab.site.rules.backup_jobs.get(call.text("id"))
    if found is None:
        raise _late({"id": f"No such job '{call.text('id')}'"})
    return found


def _late(errors: Mapping[str, str]) -> Refusal:
    """Parameters that are refused while the file is locked come out as text."""
    told = "".join(f"{name}: {text}\n" for name, text in errors.items())
    return Refusal(f"400 {VERIFICATION_FAILED}\n{told}")


def _shown(call: Call, name: str) -> dict[str, Any]:
    rules = call.lab.table.methods["POST /cluster/backup"].parameters
    kept = {"enabled": "1"} | call.lab.site.rules.backup_jobs[name]
    shown: dict[str, Any] = {key: typed(key, value, rules) for key, value in kept.items()}
    if "prune-backups" in kept:
        shown["prune-backups"] = loosely(kept["prune-backups"])
    return shown | {"id": name, "type": "vzdump"}


def _next(call: Call, shown: Mapping[str, Any]) -> int:
    """Tell when a job of every day runs next; other calendars are taken for tomorrow."""
    now = int(call.lab.clock.now())
    daily = _DAILY.match(str(shown.get("schedule", "")))
    if not daily:
        return now + _DAY
    today = now - now % _DAY + int(daily[1]) * 3600 + int(daily[2]) * 60
    return today if today > now else today + _DAY


ROUTES: Final[Mapping[str, Handler]] = {
    "GET /cluster/backup": jobs,
    "POST /cluster/backup": create_job,
    "GET /cluster/backup/{id}": job,
    "PUT /cluster/backup/{id}": change_job,
    "DELETE /cluster/backup/{id}": delete_job,
}
