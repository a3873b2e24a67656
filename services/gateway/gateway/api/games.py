"""``/v1/games`` and ``/v1/plans``: what can be deployed, and how large."""

from typing import Annotated, Any

from fastapi import APIRouter, Path
from pydantic import BaseModel

from common.contracts.servers import Plan, Port
from gateway.api.dependencies import Caller, Gateway
from gateway.domain.errors import GameNotFound
from gateway.domain.game import Game
from gateway.domain.plan import PLANS

router = APIRouter(prefix="/v1", tags=["games"])


class GameSummary(BaseModel):
    """A game of the catalogue.

    ``plan`` is what it is comfortable with, ``least`` what it runs on at all. ``evidence`` says
    what its ``maturity`` rests on.
    """

    id: str
    name: str
    summary: str
    version: str
    maturity: str
    evidence: str
    tags: list[str]
    ports: list[Port]
    plan: Plan
    least: Plan | None


class GameView(GameSummary):
    """A game with the JSON Schema of its settings."""

    settings_schema: dict[str, Any]


class Games(BaseModel):
    """The whole catalogue."""

    items: list[GameSummary]
    next_cursor: None = None


class Plans(BaseModel):
    """All plans."""

    items: list[Plan]
    next_cursor: None = None


@router.get("/games")
async def list_games(_caller: Caller, gateway: Gateway) -> Games:
    """List the games."""
    return Games(items=[GameSummary(**_fields(game)) for game in gateway.catalogue.all()])


@router.get("/games/{id}")
async def get_game(
    id: Annotated[str, Path(max_length=64)], _caller: Caller, gateway: Gateway
) -> GameView:
    """Return one game with the schema of its settings."""
    game = gateway.catalogue.find(id)
    if game is None:
        raise GameNotFound("The catalogue holds no game of this id.", remedy="See GET /v1/games.")
    return GameView(**_fields(game), settings_schema=dict(game.settings_schema))


@router.get("/plans")
async def list_plans(_caller: Caller) -> Plans:
    """List the plans."""
    return Plans(items=list(PLANS.values()))


def _fields(game: Game) -> dict[str, Any]:
    return {name: getattr(game, name) for name in GameSummary.model_fields}
