"""``/healthz``, ``/readyz``, ``/metrics`` and ``/info``: how a service is doing."""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Mapping
from typing import Final

from fastapi import APIRouter, Response, status
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from pydantic import BaseModel

log = logging.getLogger(__name__)

Check = Callable[[], Awaitable[None]]

VERSION: Final = "0.1.0"
PATIENCE: Final = 3.0  # seconds a dependency has to answer


class Health(BaseModel):
    """The service lives."""

    status: str
    service: str


class Readiness(BaseModel):
    """Per dependency: ``ok``, or the kind of failure, never its text (it may hold secrets)."""

    status: str
    service: str
    checks: dict[str, str]


class Info(BaseModel):
    """What runs here, and since when (seconds)."""

    service: str
    version: str
    uptime: float


def health_routes(checks: Mapping[str, Check], *, service: str) -> APIRouter:
    """Return the routes; ``checks`` names each dependency and raises when it fails."""
    routes = APIRouter(tags=["health"])
    started = time.monotonic()

    @routes.get("/healthz")
    async def alive() -> Health:
        """Tell that the process runs and its event loop turns."""
        return Health(status="ok", service=service)

    @routes.get("/readyz", responses={503: {"model": Readiness}})
    async def ready(response: Response) -> Readiness:
        """Tell whether every dependency answers, and which one does not."""
        names = list(checks)
        found = await asyncio.gather(*(_outcome(name, checks[name]) for name in names))
        answers = dict(zip(names, found, strict=True))
        fine = all(answer == "ok" for answer in answers.values())
        if not fine:
            response.status_code = status.HTTP_503_SERVICE_UNAVAILABLE
        return Readiness(status="ok" if fine else "failing", service=service, checks=answers)

    @routes.get("/metrics")
    async def metrics() -> Response:
        """Return the metrics in Prometheus's text format."""
        return Response(generate_latest(), media_type=CONTENT_TYPE_LATEST)

    @routes.get("/info")
    async def info() -> Info:
        """Tell what runs here."""
        return Info(service=service, version=VERSION, uptime=time.monotonic() - started)

    return routes


async def _outcome(name: str, check: Check) -> str:
    try:
        async with asyncio.timeout(PATIENCE):
            await check()
    except Exception as error:  # noqa: BLE001  whatever it is, it is not ready
        log.warning("dependency fails", extra={"dependency": name, "error": repr(error)})
        return type(error).__name__
    return "ok"
