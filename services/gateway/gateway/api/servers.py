"""``/v1/servers``: your game servers, and how they stand."""

from fastapi import APIRouter
from pydantic import BaseModel

from gateway.api.dependencies import Caller, Gateway, Parts
from gateway.api.labels import Labels, Sought
from gateway.api.pages import AfterServer, Limit, ServerId, next_cursor, page
from gateway.api.views import ServerView
from gateway.domain.server import Server
from gateway.handlers import servers

router = APIRouter(prefix="/v1/servers", tags=["servers"])


class Servers(BaseModel):
    """A page of servers, newest first."""

    items: list[ServerView]
    next_cursor: str | None


@router.get("")
async def list_servers(
    caller: Caller,
    gateway: Gateway,
    label: Sought,
    limit: Limit = 50,
    after: AfterServer = None,
) -> Servers:
    """List your servers, newest first, without those that are deleted."""
    found = await servers.servers_of(
        caller.user_id, page=page(limit=limit, after=after), labels=label, work=gateway.work
    )
    return Servers(
        items=[_view(server, gateway) for server in found[:limit]],
        next_cursor=next_cursor(found, limit=limit),
    )


@router.get("/{id}")
async def get_server(id: ServerId, caller: Caller, gateway: Gateway) -> ServerView:
    """Return one server."""
    server = await servers.get_server(
        id, owner_id=caller.user_id, is_admin=caller.is_admin, work=gateway.work
    )
    return _view(server, gateway)


@router.put("/{id}/labels")
async def label_server(id: ServerId, body: Labels, caller: Caller, gateway: Gateway) -> ServerView:
    """Give a server these labels, in place of those it had. Nothing is restarted for it."""
    server = await servers.label(id, body, owner_id=caller.user_id, work=gateway.work)
    return _view(server, gateway)


def _view(server: Server, gateway: Parts) -> ServerView:
    return ServerView.of(server, game=gateway.catalogue.find(server.spec.game))
