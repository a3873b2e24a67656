"""The gateway's HTTP application: all routes, and what surrounds them."""

from fastapi import APIRouter, FastAPI

from gateway.api import (
    auth,
    deployments,
    events,
    games,
    lifecycle,
    operations,
    orphans,
    problems,
    servers,
    settings,
    templates,
    webhook_history,
    webhooks,
)
from gateway.api.body import StrictBody
from gateway.api.dependencies import Parts
from gateway.api.envelope import Envelope
from gateway.api.errors import translate_errors

ROUTERS = (
    auth.router,
    games.router,
    deployments.router,
    operations.router,
    servers.router,
    lifecycle.router,
    settings.router,
    orphans.router,
    templates.router,
    events.router,
    events.types,
    events.documents,
    webhooks.router,
    webhook_history.history,
    problems.router,
)


def create_app(parts: Parts, *, health: APIRouter) -> FastAPI:
    """Put the application together."""
    app = FastAPI(
        title="Spawnyard",
        summary="Game servers on request.",
        version="1",
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        responses={"4XX": {"model": problems.Problem, "description": "A problem"}},
    )
    app.state.parts = parts
    for router in (*ROUTERS, health):
        app.include_router(router)
    translate_errors(app)
    app.add_middleware(StrictBody)
    app.add_middleware(Envelope)  # added last, it is the outermost
    return app
