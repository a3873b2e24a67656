"""Pull messages for one durable, never more than there are hands free.

``fetch`` loses its request when the server restarts and costs four times as much; here one
inbox subscription stays open and asks again, at the latest after a missed heartbeat.
"""

# pyright: reportUnknownMemberType=false
# (nats-py's signatures hold bare **kwargs)

import asyncio
import json
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Final

from nats.aio.msg import Msg
from nats.errors import Error as NATSError

from common.contracts.topology import Durable
from common.messaging.connection import Bus

EXPIRES: Final = 30.0  # seconds a request stays open on the server
HEARTBEAT: Final = 2.0  # seconds between its signs of life

ENDED_QUIETLY: Final = frozenset({"404", "408"})  # nothing there; request expired


@dataclass(slots=True, kw_only=True)
class Pull:
    """One durable's open hand. ``receive`` is called for every message, in order."""

    bus: Bus
    durable: Durable
    concurrency: int
    receive: Callable[[Msg], Awaitable[None]]
    _running: set[asyncio.Task[None]] = field(default_factory=set[asyncio.Task[None]])
    _requested: int = 0
    _seen: float = 0.0
    _wake: asyncio.Event = field(default_factory=asyncio.Event)

    async def run(self) -> None:
        """Pull until cancelled; then wait for what is in hand to be let go."""
        inbox = self.bus.client.new_inbox()
        subscription = await self.bus.client.subscribe(inbox, cb=self._heard)
        try:
            while True:
                await self._ask(inbox)
                await self._pause()
        finally:
            if not self.bus.client.is_closed:
                await subscription.unsubscribe()
            for task in self._running:
                task.cancel()
            await asyncio.gather(*self._running, return_exceptions=True)

    async def _ask(self, inbox: str) -> None:
        if self.bus.client.is_closed:
            # Refused for its password, say: it will not come back by itself, a new process may.
            raise ConnectionError("the connection to the bus is closed for good")
        free = self.concurrency - len(self._running) - self._requested
        if free <= 0 or not self.bus.client.is_connected:
            return
        request = {
            "batch": free,
            "expires": int(EXPIRES * 1e9),
            "idle_heartbeat": int(HEARTBEAT * 1e9),
        }
        subject = f"$JS.API.CONSUMER.MSG.NEXT.{self.durable.stream}.{self.durable.name}"
        try:
            await self.bus.client.publish(subject, json.dumps(request).encode(), reply=inbox)
        except NATSError:
            return  # the connection is being restored; the pause below asks again
        self._requested += free
        self._seen = time.monotonic()

    async def _pause(self) -> None:
        try:
            async with asyncio.timeout(HEARTBEAT):
                await self._wake.wait()
        except TimeoutError:
            if time.monotonic() - self._seen > 2 * HEARTBEAT:
                self._requested = 0  # the request was lost with its server: ask again
        self._wake.clear()

    async def _heard(self, message: Msg) -> None:
        self._seen = time.monotonic()
        headers = message.headers or {}
        status = None if message.reply else headers.get("Status")
        if status == "100":
            return
        if status is not None:
            await self._request_ended(status, headers.get("Nats-Pending-Messages"))
            return
        self._requested = max(0, self._requested - 1)
        task = asyncio.ensure_future(self.receive(message))
        self._running.add(task)
        task.add_done_callback(self._finished)

    async def _request_ended(self, status: str, pending: str | None) -> None:
        self._requested = max(0, self._requested - int(pending)) if pending else 0
        if status not in ENDED_QUIETLY:
            await asyncio.sleep(0.5)  # the consumer is gone for now; do not spin
        self._wake.set()

    def _finished(self, task: asyncio.Task[None]) -> None:
        self._running.discard(task)
        self._wake.set()
