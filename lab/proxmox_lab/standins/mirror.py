"""A mirror on loopback: what would be ``https://HOST/PATH`` is ``http://127.0.0.1:PORT/HOST/PATH``."""

import logging
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from typing import Final

from aiohttp import web

log = logging.getLogger(__name__)
HOST: Final = "127.0.0.1"


@asynccontextmanager
async def mirror(files: Mapping[str, bytes], port: int) -> AsyncGenerator[str]:
    """Offer the files for as long as the block lasts; yields the mirror's address."""

    async def answer(request: web.BaseRequest) -> web.StreamResponse:
        if request.path == "/":
            return web.Response(text="".join(f"{name}\n" for name in sorted(files)))
        found = files.get(request.path.removeprefix("/"))
        log.info("%s %s %s", request.method, request.path, "404" if found is None else "200")
        if found is None:
            return web.Response(status=404, text="the stand-ins' mirror has no such file\n")
        return web.Response(body=found)

    runner = web.ServerRunner(web.Server(answer), access_log=None)
    await runner.setup()
    try:
        await web.TCPSite(runner, HOST, port).start()
        yield f"http://{HOST}:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()
