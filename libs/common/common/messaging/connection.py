"""A connection to the bus that never gives up, and says so when it is cut."""

# pyright: reportUnknownMemberType=false
# (nats-py's signatures hold bare **kwargs)

import asyncio
import logging
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass

import nats
from nats.aio.client import Client
from nats.errors import NoServersError
from nats.js import JetStreamContext
from pydantic import SecretStr

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Bus:
    """A connected client and its JetStream."""

    client: Client
    js: JetStreamContext


@asynccontextmanager
async def jetstream(
    url: str, *, name: str, user: str | None = None, password: SecretStr | None = None
) -> AsyncGenerator[Bus]:
    """Connect, waiting as long as it takes for the server; drain and close at the end."""
    client = await _connect(url, name=name, user=user, password=password)
    try:
        yield Bus(client, client.jetstream(timeout=5))
    finally:
        await client.close()


async def _connect(url: str, *, name: str, user: str | None, password: SecretStr | None) -> Client:
    async def on_error(error: Exception) -> None:
        # Refused permissions show up here and nowhere else.
        log.error("bus error", extra={"error": str(error)})

    async def on_disconnected() -> None:
        log.warning("bus connection lost")

    async def on_reconnected() -> None:
        log.info("bus connection restored")

    while True:
        try:
            return await nats.connect(
                url,
                name=name,
                user=user,
                password=password.get_secret_value() if password else None,
                inbox_prefix=f"_INBOX_{name}".encode(),
                max_reconnect_attempts=-1,
                reconnect_time_wait=0.5,
                connect_timeout=2,
                ping_interval=10,
                max_outstanding_pings=2,
                drain_timeout=5,
                error_cb=on_error,
                disconnected_cb=on_disconnected,
                reconnected_cb=on_reconnected,
            )
        except (NoServersError, OSError, TimeoutError) as error:
            log.warning("bus not reachable, trying again", extra={"error": repr(error)})
            await asyncio.sleep(1)


async def ping(bus: Bus) -> None:
    """Raise unless the server answers within two seconds."""
    if not bus.client.is_connected:
        msg = "not connected"
        raise ConnectionError(msg)
    await bus.client.flush(timeout=2)
