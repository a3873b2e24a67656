"""What the gateway does when a server is asked for."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from common.contracts.ids import new_id
from common.contracts.servers import ServerSpec
from gateway.domain.errors import Fault, UnknownGame
from gateway.domain.game import Game, Settings, checked_settings
from gateway.domain.kind import Kind, time_given
from gateway.domain.operation import Operation
from gateway.domain.plan import chosen_plan, ensure_large_enough
from gateway.domain.secrets import sealed_settings
from gateway.domain.server import Server
from gateway.domain.step import planned
from gateway.handlers.acceptance import accepted_before, announce
from gateway.ports.catalogue import GameCatalogue
from gateway.ports.records import RequestKey
from gateway.ports.seals import Seals
from gateway.ports.work import UnitOfWork


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """What somebody asks for, before it is checked. Under one ``key`` it is asked for once."""

    game: str
    settings: Settings
    name: str | None = None
    plan: str | None = None
    keep_on_failure: bool = False
    labels: Mapping[str, str] = field(default_factory=dict[str, str])
    key: RequestKey | None = None


async def request_deployment(
    wish: Wish,
    *,
    owner_id: str,
    catalogue: GameCatalogue,
    seals: Seals,
    work: UnitOfWork,
    at: datetime,
) -> Operation:
    """Accept a deployment. Asked again under the same key, it is the same deployment."""
    server_id, key = new_id("server"), wish.key
    game = _game(wish.game, catalogue)
    spec = _spec(wish, game, server_id=server_id, seals=seals)
    operation = Operation(
        id=new_id("operation"),
        kind=Kind.DEPLOY,
        server_id=server_id,
        owner_id=owner_id,
        spec=spec,
        created_at=at,
        heard_at=at,
        deadline=at + time_given(Kind.DEPLOY, install=game.install_time),
        steps=planned(Kind.DEPLOY),
    )
    async with work() as tx:
        if key and not await tx.request_keys.claim(key, operation_id=operation.id, at=at):
            return await accepted_before(tx, key)
        server = _server(operation, labels=wish.labels)
        await tx.servers.add(server)
        await announce(tx, operation, before=None, server=server)
    return operation


def _game(id: str, catalogue: GameCatalogue) -> Game:
    game = catalogue.find(id)
    if game is None:
        raise UnknownGame(
            "The catalogue holds no game of this id.",
            remedy="See GET /v1/games for the ids.",
            faults=(Fault("/game", "is not the id of a game"),),
        )
    return game


def _spec(wish: Wish, game: Game, *, server_id: str, seals: Seals) -> ServerSpec:
    """Check the wish and seal its secrets: nothing after this has seen them."""

    def seal(data: bytes, pointer: str) -> str:
        return seals.seal(data, server_id=server_id, pointer=pointer)

    settings = checked_settings(game, wish.settings)
    plan = chosen_plan(wish.plan, recommended=game.plan)
    ensure_large_enough(plan, least=game.least)
    return ServerSpec(
        name=wish.name or f"{game.id}-{server_id[-6:]}",
        game=game.id,
        game_version=game.version,
        settings=sealed_settings(game.settings_schema, settings, seal=seal),
        plan=plan,
        ports=game.ports,
        cpu_type=game.cpu_type,
        keep_on_failure=wish.keep_on_failure,
        recipe=game.recipe,
    )


def _server(operation: Operation, *, labels: Mapping[str, str]) -> Server:
    return Server(
        id=operation.server_id,
        owner_id=operation.owner_id,
        spec=operation.spec,
        operation_id=operation.id,
        created_at=operation.created_at,
        updated_at=operation.created_at,
        labels=labels,
    )
