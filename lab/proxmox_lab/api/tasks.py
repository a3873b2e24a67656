"""``/nodes/{node}/tasks``: what runs and what ran."""

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

from proxmox_lab.access.permission import need
from proxmox_lab.call import Call, Handler
from proxmox_lab.http.outgoing import Page, Text
from proxmox_lab.refusal import invalid
from proxmox_lab.tasks.task import Task
from proxmox_lab.tasks.upid import Upid, parse

RECENT: Final = 25  # tasks of each node that all nodes know
_MISSING: Final = "unable to open file - No such file or directory"


async def tasks(call: Call) -> Page:
    """List tasks the caller may see, the newest first."""
    found = list(_chosen(call))
    start, limit = call.number("start", 0), call.number("limit", 50)
    source = call.text("source", "archive")
    page = found[start : start + limit] if limit else found[start:]
    total = {"total": len(found)} if found else {}
    return Page([_listed(task, source=source) for task in page], total)


def _chosen(call: Call) -> Iterator[Task]:
    source = call.text("source", "archive")
    node = call.lab.site.node
    everything = call.lab.rights.has(call.caller, f"/nodes/{node}", "Sys.Audit")
    for task in call.lab.tasks.newest_first():
        if (
            task.upid.node != node
            or (source == "archive" and task.is_running)
            or (source == "active" and not task.is_running)
        ):
            continue
        if (everything or _owns(call, task.upid)) and _fits(call, task):
            yield task


def _fits(call: Call, task: Task) -> bool:
    wanted = set(filter(None, re.split(r"[,;\s]+", call.text("statusfilter"))))
    checks = (
        not call.text("vmid") or task.upid.id == call.text("vmid"),
        not call.text("typefilter") or task.upid.type == call.text("typefilter"),
        call.text("userfilter").casefold() in task.upid.owner.casefold(),
        task.upid.starttime >= call.number("since", 0),
        task.upid.starttime <= call.number("until", 1 << 40),
        not call.switch("errors") or _verdict(task) in ("error", "unknown"),
        not wanted or _verdict(task) in wanted,
    )
    return all(checks)


def _verdict(task: Task) -> str:
    text = task.exitstatus or "RUNNING"
    if text == "OK":
        return "ok"
    if text.startswith("WARNINGS"):
        return "warning"
    return "unknown" if text in ("unexpected status", "RUNNING") else "error"


def _listed(task: Task, *, source: str) -> dict[str, Any]:
    shown = _named(task.upid)
    if source == "active":
        shown = {k: v for k, v in shown.items() if k != "tokenid"} | {"user": task.upid.owner}
    if task.is_running:
        return shown | {"status": "RUNNING"} | ({"saved": "0"} if source == "active" else {})
    return shown | {"status": task.exitstatus, "endtime": task.endtime}


def _named(upid: Upid) -> dict[str, Any]:
    shown: dict[str, Any] = {
        "upid": str(upid), "node": upid.node, "pid": upid.pid, "pstart": upid.pstart,
        "starttime": upid.starttime, "type": upid.type, "id": upid.id, "user": upid.user,
    }  # fmt: skip
    return shown | ({"tokenid": upid.token} if upid.token else {})


async def index(_: Call) -> list[dict[str, str]]:
    """Name what there is to a task."""
    return [{"name": "log"}, {"name": "status"}]


async def status(call: Call) -> dict[str, Any]:
    """Tell whether a task runs and how it ended."""
    task = _readable(call, "Sys.Audit")
    if task is None:
        raise invalid({"upid": "no such task"})
    shown = _named(task.upid) | {"status": "running" if task.is_running else "stopped"}
    return shown if task.is_running else shown | {"exitstatus": task.exitstatus}


async def log(call: Call) -> Page | Text:
    """Return lines of a task's log."""
    task = _readable(call, "Sys.Audit")
    start, limit = call.number("start", 0), call.number("limit", 50)
    if task is None:
        line = {"n": 1, "t": _MISSING}
        old = not call.lab.release.is_modern
        return Page(line if old else [line], {"total": 1})
    lines = task.lines or ["no content"]
    if call.switch("download"):
        return Text("\n".join(lines) + "\n")
    end = start + limit if limit else len(lines)
    shown = [{"n": n + 1, "t": line} for n, line in enumerate(lines)][start:end]
    return Page(shown, {"total": len(lines)})


async def stop(call: Call) -> None:
    """Stop a task and wait for its end."""
    task = _readable(call, "Sys.Modify")
    if task is not None:
        await call.lab.tasks.stop(task)


def _readable(call: Call, privilege: str) -> Task | None:
    upid, node = parse(call.text("upid")), call.lab.site.node
    if not _owns(call, upid):
        need(call.lab.rights, call.caller, f"/nodes/{node}", privilege)
    return call.lab.tasks.find(str(upid)) if upid.node == node else None


def _owns(call: Call, upid: Upid) -> bool:
    """A token owns what it started; a user owns that of all their tokens too."""
    return call.caller.id in (upid.owner, upid.user)


async def cluster_tasks(call: Call) -> list[dict[str, Any]]:
    """List recent tasks of each node, running ones first."""
    kept = ("id", "node", "type", "status", "starttime", "endtime", "upid", "user", "tokenid")
    left = dict.fromkeys(call.lab.site.nodes, RECENT)
    shown: list[dict[str, Any]] = []
    for task in sorted(_recent(call), key=lambda task: not task.is_running):
        if left.get(task.upid.node, 0) > 0:
            left[task.upid.node] -= 1
            told = _listed(task, source="all") | {"saved": "0" if task.is_running else "1"}
            shown.append({key: told[key] for key in (*kept, "saved") if key in told})
    return shown


def _recent(call: Call) -> Iterator[Task]:
    rights = call.lab.rights
    audited = {
        n for n in call.lab.site.nodes if rights.has(call.caller, f"/nodes/{n}", "Sys.Audit")
    }
    tasks = call.lab.tasks.newest_first()
    return (t for t in tasks if t.upid.node in audited or _owns(call, t.upid))


ROUTES: Final[Mapping[str, Handler]] = {
    "GET /cluster/tasks": cluster_tasks,
    "GET /nodes/{node}/tasks": tasks,
    "GET /nodes/{node}/tasks/{upid}": index,
    "GET /nodes/{node}/tasks/{upid}/status": status,
    "GET /nodes/{node}/tasks/{upid}/log": log,
    "DELETE /nodes/{node}/tasks/{upid}": stop,
}
