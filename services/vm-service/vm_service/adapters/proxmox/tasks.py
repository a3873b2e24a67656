"""Proxmox's tasks: asked how they do, found again when their id was lost, stopped."""

import re
from datetime import datetime
from typing import Final

from vm_service.adapters.proxmox.answers import LOG, TASK_STATUS, TASKS, read
from vm_service.adapters.proxmox.client import Client
from vm_service.adapters.proxmox.paths import node_path, task_path
from vm_service.domain.placement import Place
from vm_service.domain.trouble import Trouble, Verdict, judge
from vm_service.domain.vm import TaskState

CLOCKS_DIFFER: Final = 900  # seconds our clock and Proxmox's may be apart
LOST_AND_FOUND: Final = 200  # tasks looked through
MOST_KNOWN: Final = 1000  # tasks of which it is remembered what they make

_MAKES: Final = re.compile(r"with ID (\d+)\b|\bvm-(\d+)-|unable to create VM (\d+)\b")
_PERCENT: Final = re.compile(r"\((\d+(?:\.\d+)?)%\)")


class ProxmoxTasks:
    """What is known of tasks; UPIDs name their node."""

    def __init__(self, client: Client, *, token_id: str) -> None:
        self._client = client
        self._token_id = token_id
        self._made: dict[str, frozenset[str]] = {}  # by task: what a log has told does not change

    async def task(self, upid: str, *, with_progress: bool = False) -> TaskState:
        """Tell how a task is doing."""
        status = read(TASK_STATUS, await self._client.get(task_path(upid, "status")))
        if status.status == "running":
            return TaskState(
                running=True, progress=await self._progress(upid) if with_progress else None
            )
        outcome = status.exitstatus or "unexpected status"
        if outcome == "OK":
            return TaskState(running=False)
        if outcome.startswith("WARNINGS"):
            return TaskState(running=False, warnings=await self._warnings(upid))
        return TaskState(running=False, failed=await self._reason(upid, outcome))

    async def abort(self, upid: str) -> None:
        """Stop a task; Proxmox answers when it has ended."""
        await self._client.delete(task_path(upid))

    async def find_clone(self, place: Place, vmid: int, *, since: datetime) -> str | None:
        """Return the newest of our clone tasks into this id that did not fail outright.

        Proxmox lists a clone under its source; only its log names the VM that is made.
        """
        answer = await self._client.get(
            node_path(place.template_node, "tasks"),
            typefilter="qmclone",
            vmid=place.template,
            source="all",
            since=max(0, int(since.timestamp()) - CLOCKS_DIFFER),
            limit=LOST_AND_FOUND,
        )
        listed = sorted(read(TASKS, answer), key=lambda task: task.starttime, reverse=True)
        for task in listed:
            if self._is_ours(task.upid) and await self._makes(task.upid, vmid):
                state = await self.task(task.upid)
                if state.failed is None or judge(state.failed).verdict is Verdict.UNKNOWN:
                    return task.upid
        return None

    def _is_ours(self, upid: str) -> bool:
        return upid.split(":")[7:8] == [self._token_id]

    async def _makes(self, upid: str, vmid: int) -> bool:
        if upid not in self._made:
            source = upid.split(":")[6]
            told = frozenset(
                "".join(groups) for line in await self._log(upid) for groups in _MAKES.findall(line)
            )
            if not told - {source}:
                return False  # it has not told yet
            while len(self._made) >= MOST_KNOWN:
                self._made.pop(next(iter(self._made)))
            self._made[upid] = told - {source}
        return str(vmid) in self._made[upid]

    async def _progress(self, upid: str) -> float | None:
        shares = [match[1] for line in await self._log(upid) if (match := _PERCENT.search(line))]
        return min(1.0, float(shares[-1]) / 100) if shares else None

    async def _warnings(self, upid: str) -> tuple[str, ...]:
        lines = [line for line in await self._log(upid) if line.startswith("WARN")]
        return tuple(lines) or ("Proxmox's task ended with warnings",)

    async def _reason(self, upid: str, outcome: str) -> str:
        """Return a task's last words; those of a failed command say nothing, its log does."""
        if judge(outcome).verdict is Verdict.FAULT:
            for line in reversed(await self._log(upid)):
                if judge(line).verdict is Verdict.REFUSED:
                    return f"{outcome}: {line}"
        return outcome

    async def _log(self, upid: str) -> list[str]:
        try:
            answer = await self._client.get(task_path(upid, "log"), limit=1000)
            return [entry.t for entry in read(LOG, answer)]
        except Trouble as trouble:
            if trouble.verdict in {Verdict.REFUSED, Verdict.UNKNOWN, Verdict.FAULT}:
                return []  # a log is only ever a help
            raise
