"""From a JetStream consumer to a handler, and from its outcome to an acknowledgement.

    handler returns     ack     the work is committed
    raises Rejected     bury    it can never succeed
    raises anything     nak     again after a pause; after the last try, bury
    database away       wait    it is not the message's fault: held, and tried again

Nothing is acknowledged before its effects are committed.
"""

import asyncio
import logging
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Generic, TypeVar

from nats.aio.msg import Msg
from nats.errors import Error as NATSError
from pydantic import ValidationError

from common.contracts.base import Message
from common.contracts.topology import Durable
from common.db.outage import DatabaseAway
from common.errors import Rejected
from common.messaging.connection import Bus
from common.messaging.pull import Pull
from common.metrics import HANDLED

log = logging.getLogger(__name__)

M = TypeVar("M", bound=Message)


@dataclass(frozen=True, slots=True, kw_only=True)
class Consumer(Generic[M]):
    """Feeds one handler from one durable. ``concurrency=1`` keeps the stream's order."""

    bus: Bus
    durable: Durable
    decode: Callable[[bytes], M]
    handle: Callable[[M], Awaitable[None]]
    concurrency: int = 8
    pauses: tuple[float, ...] = (0.5, 2, 10, 30, 60, 120, 300, 600)
    limit: float = 300
    outage_pause: float = 1

    async def run(self) -> None:
        """Consume until cancelled. What is in hand then is handed back for the next copy."""
        await Pull(
            bus=self.bus,
            durable=self.durable,
            concurrency=self.concurrency,
            receive=self._receive,
        ).run()

    async def _receive(self, message: Msg) -> None:
        try:
            outcome = await self._process(message)
        except asyncio.CancelledError:
            await message.nak()
            raise
        except (NATSError, TimeoutError) as error:
            # Neither acknowledged nor refused: it comes again after the ack wait.
            outcome = "unanswered"
            log.warning("could not answer the bus", extra={"error": repr(error)})
        HANDLED.labels(durable=self.durable.name, outcome=outcome).inc()

    async def _process(self, message: Msg) -> str:
        try:
            decoded = self.decode(message.data)
        except ValidationError as error:
            return await self._bury(message, reason=f"not understood: {error.error_count()} errors")
        try:
            async with _kept_alive(message, every=self.durable.ack_wait / 3):
                async with asyncio.timeout(self.limit):
                    await self._handled(decoded)
        except Rejected as rejection:
            return await self._bury(message, reason=str(rejection))
        except Exception:
            log.exception("handler failed", extra={"subject": message.subject})
            return await self._postpone(message)
        await message.ack_sync(timeout=5)
        return "acknowledged"

    async def _handled(self, decoded: M) -> None:
        while True:
            try:
                await self.handle(decoded)
            except DatabaseAway as outage:
                log.warning("a message waits for the database", extra={"error": str(outage)})
                await asyncio.sleep(self.outage_pause)
            else:
                return

    async def _postpone(self, message: Msg) -> str:
        tries = message.metadata.num_delivered
        if tries > len(self.pauses):
            return await self._bury(message, reason=f"failed {tries} times")
        await message.nak(delay=self.pauses[tries - 1])
        return "postponed"

    async def _bury(self, message: Msg, *, reason: str) -> str:
        """Keep a message nobody can handle where an operator will find it."""
        log.error("message buried", extra={"subject": message.subject, "reason": reason})
        place = message.metadata
        headers = {
            "Reason": " ".join(reason.split())[:500],
            "Nats-Msg-Id": f"{place.stream}:{self.durable.name}:{place.sequence.stream}",
        }
        subject = f"dead.{self.durable.name}.{message.subject}"
        await self.bus.js.publish(subject, message.data, headers=headers)
        await message.term()
        return "buried"


@asynccontextmanager
async def _kept_alive(message: Msg, *, every: float) -> AsyncGenerator[None]:
    """Tell the server, while the block runs, that the work goes on."""

    async def beat() -> None:
        while True:
            await asyncio.sleep(every)
            await message.in_progress()

    heart = asyncio.create_task(beat())
    try:
        yield
    finally:
        heart.cancel()
