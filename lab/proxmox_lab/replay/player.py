"""Plays one session of records against a fresh lab and compares every answer."""

import asyncio
import re
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, Final
from urllib.parse import unquote

from aiohttp import ClientError

from proxmox_lab.call import Lab
from proxmox_lab.machines import config
from proxmox_lab.replay.comparison import difference
from proxmox_lab.replay.line import Line, line_to
from proxmox_lab.replay.meanwhile import TASK_WAIT, let_happen
from proxmox_lab.replay.moments import Moments
from proxmox_lab.replay.names import UPID, Names
from proxmox_lab.replay.recorded_guests import RecordedGuests
from proxmox_lab.replay.recorded_lab import SPEED, recorded_lab
from proxmox_lab.replay.recorded_site import told_before
from proxmox_lab.replay.records import Record, sessions

AT_ONCE: Final = 4  # sessions mostly wait
STANDSTILL: Final = 0.001
GLIMPSE: Final = 0.01  # seconds between two looks at how far a task has come
_TICKET: Final = re.compile(r"PVE:([^:]+):([0-9A-F]{8})::SIGNATURE")
_DIGEST: Final = re.compile(r"digest=([0-9a-f]{40})")
_VMID: Final = re.compile(r"/qemu/(\d+)/")


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
    async with recorded_lab(release, source) as (lab, place, guests), line_to(place) as line:
        before = told_before(major=lab.release.major, source=source)
        player = _Player(lab, guests, line, Moments(lab, before))
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


class _Player:
    """Sends records, with recorded names replaced by this lab's own."""

    def __init__(self, lab: Lab, guests: RecordedGuests, line: Line, moments: Moments) -> None:
        self._lab = lab
        self._guests = guests
        self._line = line
        self._names = Names()
        self._moments = moments
        self._speed = SPEED
        self._moments.pass_by()

    async def judge(self, record: Record) -> str | None:
        """Return why a record does not match, or None; no answer at all is a reason, too."""
        try:
            return await self._play(record)
        except (ClientError, OSError, ValueError, KeyError) as failed:
            return f"it could not be played: {failed!r}"

    async def _play(self, record: Record) -> str | None:
        if record.is_final_status or not record.is_glance:
            self._pass_time(SPEED)
        await self._make_up(record)
        target = self._names.translated(record.target)
        if record.has_exited:
            self._guests.end_commands()
            await self._lab.executions.ended()
        if record.is_final_status or record.note.endswith("(task log)"):
            await self._ended(target)
            self._pass_time(STANDSTILL)  # until something is done again, however slow we are
        found = await self._ask_of_moments(record, target)
        self._moments.pass_by()
        return found

    def _pass_time(self, speed: float) -> None:
        self._speed = speed
        self._lab.clock.run_at(speed)

    async def _ask_of_moments(self, record: Record, target: str) -> str | None:
        """Ask until an answer matches, while time stands still after the first."""
        found: list[str | None] = []
        for told in self._moments.possible(record.path):
            self._lab.broadcast.hold(told)
            found.append(await self._ask(record, target))
            if found[-1] is None:
                break
            self._lab.clock.run_at(STANDSTILL)
        self._lab.clock.run_at(self._speed)
        return found[0] if found[-1] else None

    async def _ask(self, record: Record, target: str) -> str | None:
        headers = {name: self._names.translated(text) for name, text in record.headers.items()}
        body = self._names.translated(record.body) if record.body else None
        status, reason, found = await self._line.ask(
            record.method, target, headers, body, at_door=record.was_sent_on
        )
        self._names.learn(record.json, found)
        self._learn_pid(record, found)
        return difference(record, status, reason, found)

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
        upid = UPID.search(unquote(target))
        task = self._lab.tasks.find(upid[0]) if upid else None
        work = task and task.work
        if not work:
            return
        with suppress(TimeoutError):
            async with asyncio.timeout(TASK_WAIT):
                while not work.done():
                    await asyncio.wait([work], timeout=GLIMPSE)
                    self._moments.pass_by()
