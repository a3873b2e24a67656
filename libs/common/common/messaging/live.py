"""Passing remarks on core NATS: heard by whoever listens now, kept nowhere."""

# pyright: reportUnknownMemberType=false
# (nats-py's signatures hold bare **kwargs)

import logging
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager

from nats.aio.msg import Msg
from nats.errors import Error as NATSError

from common.messaging.connection import Bus

log = logging.getLogger(__name__)


async def remark(bus: Bus, subject: str, text: str = "") -> None:
    """Say it. Never raises: who depends on a remark looks for himself now and then."""
    try:
        await bus.client.publish(subject, text.encode())
    except NATSError as error:
        log.warning("remark lost", extra={"subject": subject, "error": repr(error)})


@asynccontextmanager
async def listening(bus: Bus, subject: str, heard: Callable[[str], None]) -> AsyncGenerator[None]:
    """Call ``heard`` with the subject of each remark, for as long as the block lasts."""

    async def on_message(message: Msg) -> None:
        heard(message.subject)

    subscription = await bus.client.subscribe(subject, cb=on_message)
    try:
        yield
    finally:
        if bus.client.is_connected:
            await subscription.unsubscribe()
