"""``/v1/templates``: templates that carry a game's heavy packages already. For administrators."""

from datetime import datetime

from fastapi import APIRouter, Depends, Response, status
from pydantic import BaseModel, Field

from common.contracts.base import now
from gateway.api.dependencies import Caller, Gateway, only_admins
from gateway.api.idempotency import IdempotencyKey, request_key
from gateway.api.pages import ServerId
from gateway.api.views import FailureView, OperationView, operation_path
from gateway.domain.errors import Fault, UnknownGame
from gateway.domain.game import Game
from gateway.domain.phase import Phase
from gateway.domain.server import Server
from gateway.handlers import templates

router = APIRouter(prefix="/v1/templates", tags=["templates"], dependencies=[Depends(only_admins)])


class BakeWish(BaseModel, frozen=True, extra="forbid"):
    """For which game."""

    game: str = Field(max_length=64)


class TemplateView(BaseModel):
    """A template. ``vmid``, ``node``, ``base`` (what it was cloned from) once it is baked.

    ``current``: what it is made by (``recipe``) is what the game has today, so that new servers
    are cloned from it, as long as its VM is there and ``base`` is in the hypervisor's settings.
    """

    id: str
    game: str
    game_version: str
    phase: Phase
    current: bool
    recipe: str | None
    vmid: int | None
    node: str | None
    base: int | None
    baked_at: datetime | None
    error: FailureView | None
    operation_id: str
    created_at: datetime

    @classmethod
    def of(cls, template: Server, *, game: Game | None) -> "TemplateView":
        """Show a template, given what its game is today."""
        spec, baked = template.spec, template.baked
        same = game is not None and game.recipe == spec.recipe
        return cls(
            id=template.id,
            game=spec.game,
            game_version=spec.game_version,
            phase=template.phase,
            current=same and template.phase is Phase.TEMPLATE,
            recipe=spec.recipe,
            vmid=baked.vmid if baked else None,
            node=baked.node if baked else None,
            base=baked.base if baked else None,
            baked_at=baked.at if baked else None,
            error=FailureView.model_validate(template.failure) if template.failure else None,
            operation_id=template.operation_id,
            created_at=template.created_at,
        )


class Templates(BaseModel):
    """All templates, newest first."""

    items: list[TemplateView]


@router.post("", status_code=status.HTTP_202_ACCEPTED)
async def request_bake(
    body: BakeWish,
    caller: Caller,
    gateway: Gateway,
    response: Response,
    idempotency_key: IdempotencyKey = None,
) -> OperationView:
    """Have a template baked. It is not there yet: follow ``Location``."""
    game = gateway.catalogue.find(body.game)
    if game is None:
        raise UnknownGame(
            "The catalogue holds no game of this id.",
            remedy="See GET /v1/games for the ids.",
            faults=(Fault("/game", "is not the id of a game"),),
        )
    route = f"POST {router.prefix}"
    operation = await templates.request_bake(
        game,
        owner_id=caller.user_id,
        key=request_key(idempotency_key, body, route=route, caller=caller, gateway=gateway),
        work=gateway.work,
        at=now(),
    )
    response.headers["Location"] = operation_path(operation.id)
    return OperationView.of(operation)


@router.get("")
async def list_templates(gateway: Gateway) -> Templates:
    """List all templates that were asked for and are not deleted, newest first."""
    found = await templates.templates(work=gateway.work)
    known = gateway.catalogue
    return Templates(items=[TemplateView.of(t, game=known.find(t.spec.game)) for t in found])


@router.delete("/{id}", status_code=status.HTTP_202_ACCEPTED)
async def request_deletion(id: ServerId, gateway: Gateway, response: Response) -> OperationView:
    """Ask for a template to be removed: 409 while disks of servers rest on it."""
    operation = await templates.request_deletion(
        id, questions=gateway.questions, work=gateway.work, at=now()
    )
    response.headers["Location"] = operation_path(operation.id)
    return OperationView.of(operation)
