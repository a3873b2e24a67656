"""Tells whether a process of the stack answers yet."""

import asyncio
import ssl
from collections.abc import Awaitable, Callable
from contextlib import suppress
from pathlib import Path

import httpx


def answers_http(url: str, *, ca: Path | None = None) -> Callable[[], Awaitable[bool]]:
    """Return a probe that tells whether a GET of ``url`` succeeds."""

    async def probe() -> bool:
        with suppress(httpx.HTTPError, OSError):
            # A certificate that is not there yet raises, and means: not ready.
            verify = ssl.create_default_context(cafile=ca) if ca else False
            async with httpx.AsyncClient(verify=verify, trust_env=False, timeout=2) as client:
                return (await client.get(url)).is_success
        return False

    return probe


def answers_nats(host: str, port: int) -> Callable[[], Awaitable[bool]]:
    """Return a probe that tells whether a NATS server greets on this port."""

    async def probe() -> bool:
        with suppress(OSError, TimeoutError):
            async with asyncio.timeout(2):
                reader, writer = await asyncio.open_connection(host, port)
                greeting = await reader.readline()
                writer.close()
                await writer.wait_closed()
                return greeting.startswith(b"INFO")
        return False

    return probe
