"""Plays one session of records against a fresh lab and compares every answer."""

import asyncio
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, Final, cast
from urllib.parse import quote, unquote

from aiohttp import ClientError, ClientSession, TCPConnector
from yarl import URL

from proxmox_lab.call import Lab
from proxmox_lab.machines import config
from proxmox_lab.replay.comparison import difference
from proxmox_lab.replay.meanwhile import TASK_WAIT, let_happen
from proxmox_lab.replay.moments import Moments
from proxmox_lab.replay.recorded_lab import SPEED, recorded_lab
from proxmox_lab.replay.records import Record, sessions

AT_ONCE: Final = 4  # sessions mostly wait
STANDSTILL: Final = 0.001
_UPID: Final = re.compile(r"UPID:[^/?&\s]+:")
_TICKET: Final = re.compile(r"PVE:([^:]+):([0-9A-F]{8})::SIGNATURE")
_DIGEST: Final = re.compile(r"digest=([0-9a-f]{40})")
_VMID: Final = re.compile(r"/qemu/(\d+)/")
_NAMED: Final = frozenset({"digest", "ticket", "CSRFPreventionToken"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What came of one record."""

    pve: str
    source: str
    id: int | str
    note: str
    match: bool
    why: str | None


async def play(records: Sequence[Record], *, pve: str | None = None) -> list[Verdict]:
    """Play every session that matches, a few at once; each gets a lab of its own."""
    places = asyncio.Semaphore(AT_ONCE)

    async def one(release: str, source: str, session: list[Record]) -> list[Verdict]:
        async with places:
            return await _session(release, source, session)

    chosen = [s for s in sessions(records) if pve is None or s[0][0].startswith(pve)]
    played = await asyncio.gather(*(one(*place, session) for place, session in chosen))
    return [verdict for verdicts in played for verdict in verdicts]


async def _session(release: str, source: str, records: list[Record]) -> list[Verdict]:
    async with recorded_lab(release, source) as (lab, base), _client() as client:
        player = _Player(lab, base, client)
        return [
            Verdict(
                pve=record.pve,
                source=record.source,
                id=record.id,
                note=record.note,
                match=why is None,
                why=why,
            )
            for record in records
            for why in [await player.judge(record)]
        ]


def _client() -> ClientSession:
    return ClientSession(connector=TCPConnector(force_close=True), cookie_jar=None)


class _Player:
    """Sends records, with recorded names replaced by this lab's own."""

    def __init__(self, lab: Lab, base: str, client: ClientSession) -> None:
        self._lab = lab
        self._base = base
        self._client = client
        self._names: dict[str, str] = {}
        self._moments = Moments(lab)
        self._moments.pass_by()

    async def judge(self, record: Record) -> str | None:
        """Return why a record does not match, or None; no answer at all is a reason, too."""
        try:
            return await self._play(record)
        except (ClientError, OSError, ValueError, KeyError) as failed:
            return f"it could not be played: {failed!r}"

    async def _play(self, record: Record) -> str | None:
        await self._make_up(record)
        target = self._renamed(record.target)
        if record.has_exited:
            await self._lab.executions.ended()
        if record.is_final_status or record.note.endswith("(task log)"):
            await self._ended(target)
        found = await self._ask_of_moments(record, target)
        self._moments.pass_by()
        return found

    async def _ask_of_moments(self, record: Record, target: str) -> str | None:
        """Ask until an answer matches, while time stands still after the first."""
        found: list[str | None] = []
        for told in self._moments.possible(record.path):
            self._lab.broadcast.hold(told)
            found.append(await self._ask(record, target))
            if found[-1] is None:
                break
            self._lab.clock.run_at(STANDSTILL)
        self._lab.clock.run_at(SPEED)
        return found[0] if found[-1] else None

    async def _ask(self, record: Record, target: str) -> str | None:
        body = self._renamed(record.body) if record.body else None
        async with self._client.request(
            record.method,
            URL(self._base + target, encoded=True),
            headers={k: self._renamed(v) for k, v in record.headers.items()},
            data=body.encode() if body else None,
            skip_auto_headers=("Content-Type",),
        ) as response:
            raw = await response.read()
            found = _json(raw)
            self._learn(record.json, found)
            self._learn_pid(record, found)
            return difference(record, response.status, response.reason or "", found)

    async def _make_up(self, record: Record) -> None:
        """Make up for what happened between the records: logins, clean-ups, digests read."""
        await let_happen(self._lab, record)
        ticket = _TICKET.search(unquote(record.headers.get("Cookie", "")))
        if ticket and ticket[0] not in self._names:
            issued, csrf = self._lab.doorkeeper.issue(ticket[1])
            self._names[ticket[0]] = issued
            self._names[f"{ticket[2]}:CSRFDIGEST"] = csrf
        digest = _DIGEST.search(record.body or "")
        vmid = _VMID.search(record.target)
        if record.status == HTTPStatus.OK and digest and vmid:
            machine = self._lab.site.cluster.get(int(vmid[1]))
            if machine is not None:
                self._names[digest[1]] = config.digest(machine)

    def _learn_pid(self, record: Record, found: dict[str, Any] | None) -> None:
        if record.path.endswith("/agent/exec") and record.json and found and found.get("data"):
            self._names[f"pid={record.json['data']['pid']}"] = f"pid={found['data']['pid']}"

    async def _ended(self, target: str) -> None:
        upid = _UPID.search(unquote(target))
        task = self._lab.tasks.find(upid[0]) if upid else None
        if task is not None and task.work is not None:
            await asyncio.wait([task.work], timeout=TASK_WAIT)

    def _renamed(self, text: str) -> str:
        for old, new in self._names.items():
            if old in text:
                text = text.replace(old, new)
            elif quote(old, safe="") in text:
                text = text.replace(quote(old, safe=""), quote(new, safe=""))
        return text

    def _learn(self, recorded: object, found: object) -> None:
        """Note which name of ours stands for which recorded one."""
        if isinstance(recorded, dict) and isinstance(found, dict):
            ours = cast("dict[str, Any]", found)
            for key, value in cast("dict[str, Any]", recorded).items():
                if key in _NAMED and isinstance(ours.get(key), str):
                    self._names[str(value)] = ours[key]
                else:
                    self._learn(value, ours.get(key))
        elif isinstance(recorded, str) and isinstance(found, str) and _UPID.fullmatch(recorded):
            self._names[recorded] = found


def _json(raw: bytes) -> dict[str, Any] | None:
    try:
        found = json.loads(raw)
    except ValueError:
        return None
    return cast("dict[str, Any]", found) if isinstance(found, dict) else None
