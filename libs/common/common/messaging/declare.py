"""Make the server agree with ``contracts.topology``: create, update, create again if lost."""

# pyright: reportUnknownMemberType=false
# (nats-py's signatures hold bare **kwargs)

import asyncio
import logging
from typing import Final

from nats.errors import Error as NATSError
from nats.js.api import (
    AckPolicy,
    ConsumerConfig,
    DeliverPolicy,
    DiscardPolicy,
    RetentionPolicy,
    StorageType,
    StreamConfig,
)
from nats.js.errors import NotFoundError

from common.contracts.topology import DURABLES, STREAMS, Durable, Stream
from common.messaging.connection import Bus

log = logging.getLogger(__name__)

MAX_DELIVER: Final = 20  # a net below the consumer's own counting


async def declare(bus: Bus) -> None:
    """Create or correct every stream and durable; changes nothing where all agree."""
    for stream in STREAMS:
        await _ensure_stream(bus, stream)
    for durable in DURABLES:
        await bus.js.add_consumer(durable.stream, _consumer_config(durable))


async def keep_declared(bus: Bus, *, every: float = 5) -> None:
    """Declare for ever: a server that lost its store is whole again within seconds."""
    while True:
        try:
            await declare(bus)
        except (NATSError, TimeoutError) as error:
            log.warning("could not declare the bus", extra={"error": repr(error)})
        await asyncio.sleep(every)


async def _ensure_stream(bus: Bus, stream: Stream) -> None:
    wanted = _stream_config(stream)
    try:
        found = (await bus.js.stream_info(stream.name)).config
    except NotFoundError:
        await bus.js.add_stream(wanted)
        log.info("stream created", extra={"stream": stream.name})
        return
    if _differs(found, wanted):
        await bus.js.update_stream(wanted)
        log.info("stream corrected", extra={"stream": stream.name})


def _differs(found: StreamConfig, wanted: StreamConfig) -> bool:
    compared = ("subjects", "max_age", "max_bytes", "max_msg_size", "duplicate_window", "discard")
    return any(getattr(found, name) != getattr(wanted, name) for name in compared)


def _stream_config(stream: Stream) -> StreamConfig:
    return StreamConfig(
        name=stream.name,
        subjects=list(stream.subjects),
        retention=RetentionPolicy.LIMITS,
        storage=StorageType.FILE,
        # When full, refuse loudly: the outbox keeps what the bus cannot take.
        discard=DiscardPolicy.NEW,
        max_age=stream.max_age,
        max_bytes=stream.max_bytes,
        max_msg_size=stream.max_msg_size,
        duplicate_window=stream.duplicate_window,
        num_replicas=1,
        allow_direct=True,
    )


def _consumer_config(durable: Durable) -> ConsumerConfig:
    return ConsumerConfig(
        durable_name=durable.name,
        filter_subjects=list(durable.filters),
        ack_policy=AckPolicy.EXPLICIT,
        deliver_policy=DeliverPolicy.ALL,
        ack_wait=durable.ack_wait,
        max_ack_pending=durable.max_ack_pending,
        max_deliver=MAX_DELIVER,
    )
