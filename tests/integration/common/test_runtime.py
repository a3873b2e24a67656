"""A service drains on SIGTERM, and dies whole when a part of it dies."""

import asyncio
import signal
import sys
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import pytest

from tests.conftest import free_port

pytestmark = pytest.mark.integration

SERVICE = """
import asyncio, sys
from fastapi import FastAPI
from common.logging import configure
from common.runtime import run

async def loop():
    try:
        await asyncio.sleep({life})
        raise RuntimeError("a loop died")
    finally:
        print("loop let go", flush=True)

app = FastAPI()

@app.get("/slow")
async def slow():
    print("asked", flush=True)
    await asyncio.sleep(1)
    return "done"

async def main():
    configure(service="test")
    await run(app, loop(), host="127.0.0.1", port={port})
    print("last line", flush=True)

asyncio.run(main())
"""


@asynccontextmanager
async def service(*, port: int, life: float) -> AsyncGenerator[asyncio.subprocess.Process]:
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-c",
        SERVICE.format(port=port, life=life),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        cwd=Path(__file__).parents[3],
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.communicate()


async def serving(port: int) -> None:
    async with asyncio.timeout(60), httpx.AsyncClient(trust_env=False) as client:
        while True:
            try:
                await client.get(f"http://127.0.0.1:{port}/docs")
            except httpx.TransportError:
                await asyncio.sleep(0.05)
            else:
                return


async def test_on_sigterm_open_requests_end_and_every_cleanup_line_runs() -> None:
    port = free_port()
    async with service(port=port, life=60) as process:
        await serving(port)
        async with httpx.AsyncClient(trust_env=False, timeout=60) as client:
            slow = asyncio.ensure_future(client.get(f"http://127.0.0.1:{port}/slow"))
            assert process.stdout is not None
            assert await process.stdout.readline() == b"asked\n"
            process.send_signal(signal.SIGTERM)

            assert (await slow).json() == "done"
        out, _ = await process.communicate()

    assert process.returncode == 0
    assert out.decode().splitlines() == ["loop let go", "last line"]


async def test_a_dead_loop_takes_the_service_with_it() -> None:
    port = free_port()
    async with service(port=port, life=0.5) as process:
        out, err = await process.communicate()

    assert process.returncode not in (0, None)
    assert "last line" not in out.decode()
    assert "a loop died" in err.decode()


async def test_a_taken_port_is_a_failure_not_a_silence() -> None:
    port = free_port()
    async with service(port=port, life=60) as first:
        await serving(port)
        async with service(port=port, life=60) as second:
            await second.communicate()

        assert first.returncode is None
        assert second.returncode not in (0, None)
