"""Proxmox's HTTP API for coroutines: calls in threads, each with a hard deadline.

A write is never repeated here; a read is, a few times, as far as the node's budget allows.
"""

import asyncio
import random
import threading
from collections.abc import Mapping
from concurrent.futures import Future
from functools import partial
from typing import Final

from pydantic import JsonValue

from vm_service.adapters.proxmox.lane import Crowded, Lane, NotAsked
from vm_service.adapters.proxmox.site import Access
from vm_service.adapters.proxmox.threads import DaemonThreads
from vm_service.adapters.proxmox.vetting import vetted, vetted_path
from vm_service.adapters.proxmox.wire import DEADLINES, Silence, Verb, Wire
from vm_service.domain.trouble import Trouble, Verdict

THREADS: Final = 24
PAUSES: Final = (0.2, 0.5, 1.0)
SHAKY: Final = frozenset({Verdict.UNKNOWN, Verdict.FAULT})


class Client:
    """One Proxmox, asked by a token. Parameters: booleans become 0/1, ``None`` is left out."""

    def __init__(self, access: Access) -> None:
        self._access = access
        self._threads = DaemonThreads(THREADS, name="proxmox")
        self._local = threading.local()
        self._wires: list[Wire] = []
        self._lanes: dict[str, Lane] = {}

    def close(self) -> None:
        """Let go of all connections; calls under way end as they may."""
        self._threads.shutdown()
        for wire in self._wires:
            wire.close()

    @property
    def skew(self) -> float | None:
        """How many seconds Proxmox's clock was ahead of ours at an answer; none was heard yet."""
        return next((wire.skew for wire in self._wires if wire.skew is not None), None)

    async def get(self, path: str, /, **query: object) -> JsonValue:
        """Ask for something; a shaky answer is asked for again at once, it does no harm."""
        lane = self._lane(path)
        lane.budget.earn()
        for pause in PAUSES:
            try:
                return await self._call("get", path, query)
            except NotAsked:
                raise
            except Trouble as trouble:
                if trouble.verdict not in SHAKY or not lane.budget.spend():
                    raise
            await asyncio.sleep(pause * random.uniform(0.5, 1.0))  # noqa: S311  jitter is no secret
        return await self._call("get", path, query)

    async def post(self, path: str, **form: object) -> JsonValue:
        """Have something done."""
        return await self._call("post", path, form)

    async def put(self, path: str, **form: object) -> JsonValue:
        """Have something changed."""
        return await self._call("put", path, form)

    async def delete(self, path: str, **query: object) -> JsonValue:
        """Have something removed; parameters go into the query, a body would be refused."""
        return await self._call("delete", path, query)

    async def _call(self, verb: Verb, path: str, parameters: Mapping[str, object]) -> JsonValue:
        send = partial(self._send, verb, vetted_path(path), vetted(parameters))
        lane, seconds = self._lane(path), DEADLINES[verb]
        call: Future[JsonValue] | None = None
        with lane.attempt():
            try:
                async with asyncio.timeout(seconds):
                    await lane.turn()
                    call = self._threads.submit(send)
                    lane.hold(call)
                    return await asyncio.wrap_future(call)
            except TimeoutError as error:
                if call is None or call.cancelled():
                    raise Crowded(lane.name) from error
                raise Silence(f"{lane.name} did not answer within {seconds:.0f} s") from error

    def _lane(self, path: str) -> Lane:
        """Return the lane to the node in the path; what concerns no node has one of its own."""
        match path.split("/"):
            case ["nodes", node, *_]:
                return self._lanes.setdefault(node, Lane(f"node {node}"))
            case _:
                return self._lanes.setdefault("", Lane("Proxmox"))

    def _send(self, verb: Verb, path: str, parameters: Mapping[str, object]) -> JsonValue:
        """Run in a thread, over its own connection: sessions are not made for sharing."""
        if not hasattr(self._local, "wire"):
            self._local.wire = Wire(self._access)
            self._wires.append(self._local.wire)
        return self._local.wire.call(verb, path, parameters)
