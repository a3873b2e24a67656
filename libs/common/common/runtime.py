"""How every service lives and dies: one web server, some endless loops, one signal."""

import asyncio
import logging
import signal
from collections.abc import Callable, Coroutine, Generator
from contextlib import contextmanager
from typing import Any, Final

import uvicorn
from fastapi import FastAPI

log = logging.getLogger(__name__)

DRAIN: Final = 8  # seconds open requests have to end


class _Server(uvicorn.Server):
    """Leaves signals alone. Uvicorn would raise SIGTERM again and kill us mid-drain."""

    @contextmanager
    def capture_signals(self) -> Generator[None]:
        yield


async def run(
    app: FastAPI,
    *loops: Coroutine[Any, Any, None],
    host: str,
    port: int,
    on_leaving: Callable[[], None] = lambda: None,
) -> None:
    """Serve ``app`` and run ``loops`` until SIGTERM, then let both finish.

    ``on_leaving``: called first of all then, to end answers that would go on for ever.
    A loop that fails takes all with it: a supervisor restarts a dead service, and
    nothing restarts half of one.
    """
    server = _server(app, host=host, port=port)

    def stop() -> None:
        log.info("asked to stop, draining")
        server.should_exit = True
        on_leaving()

    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop)

    async with asyncio.TaskGroup() as tasks:
        running = [tasks.create_task(loop) for loop in loops]
        await server.serve()
        if not server.started:
            msg = f"could not serve on {host}:{port}"
            raise OSError(msg)
        for task in running:
            task.cancel()
    log.info("stopped")


def _server(app: FastAPI, *, host: str, port: int) -> _Server:
    return _Server(
        uvicorn.Config(
            app,
            host=host,
            port=port,
            log_config=None,
            access_log=False,
            server_header=False,
            proxy_headers=False,  # anybody may send X-Forwarded-For
            ws="websockets-sansio",
            ws_max_size=65_536,
            ws_per_message_deflate=False,
            limit_concurrency=2048,
            timeout_graceful_shutdown=DRAIN,
            h11_max_incomplete_event_size=16_384,
        )
    )
