"""What the gateway does when a user asks about a server, or asks for it to change or go."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime

from gateway.domain.errors import GameNotFound
from gateway.domain.game import Game
from gateway.domain.kind import Kind
from gateway.domain.operation import Operation
from gateway.domain.server import Server
from gateway.domain.shape import Alteration, altered
from gateway.domain.version import updated
from gateway.handlers.acceptance import Asked, Purpose, accept, own
from gateway.ports.catalogue import GameCatalogue
from gateway.ports.records import Page
from gateway.ports.seals import Seals
from gateway.ports.work import UnitOfWork

Labels = Mapping[str, str]


async def get_server(id: str, *, owner_id: str, work: UnitOfWork, is_admin: bool = False) -> Server:
    """Return one of the owner's servers; to an administrator, also a template."""
    async with work() as tx:
        server = await tx.servers.find(id)
    if is_admin and server is not None and server.spec.purpose == "template":
        return server
    return own(server, owner_id)


async def servers_of(
    owner_id: str, *, page: Page, work: UnitOfWork, labels: Labels | None = None
) -> Sequence[Server]:
    """Return the owner's servers that carry these labels, newest first."""
    async with work() as tx:
        return await tx.servers.of_owner(owner_id, page=page, labels=labels or {})


async def label(id: str, labels: Labels, *, owner_id: str, work: UnitOfWork) -> Server:
    """Give a server these labels, in place of those it had: that moves no operation."""
    async with work() as tx:
        labelled = replace(own(await tx.servers.hold(id), owner_id), labels=labels)
        await tx.servers.save(labelled)
    return labelled


async def request(
    asked: Asked, kind: Kind, *, work: UnitOfWork, at: datetime, force: bool = False
) -> Operation:
    """Ask for a server to be started, stopped, restarted, killed or deleted as it is."""

    def purpose(server: Server) -> Purpose:
        return Purpose(kind=kind, spec=server.spec, force=force)

    return await accept(asked, purpose=purpose, work=work, at=at)


async def request_alteration(
    asked: Asked,
    wanted: Alteration,
    *,
    catalogue: GameCatalogue,
    seals: Seals,
    work: UnitOfWork,
    at: datetime,
) -> Operation:
    """Ask for another name, plan or other settings: by a resize, an update or a reconfiguration."""

    def seal(data: bytes, pointer: str) -> str:
        return seals.seal(data, server_id=asked.server_id, pointer=pointer)

    def purpose(server: Server) -> Purpose:
        game = _game_of(server, catalogue)
        shape = altered(server, wanted, game=game, seal=seal)
        return Purpose(kind=shape.kind, spec=shape.spec, install=game.install_time)

    return await accept(asked, purpose=purpose, work=work, at=at)


async def request_update(
    asked: Asked,
    version: str | None,
    *,
    catalogue: GameCatalogue,
    work: UnitOfWork,
    at: datetime,
) -> Operation:
    """Ask for another version of the game, or for the newest; it goes back if that fails."""

    def purpose(server: Server) -> Purpose:
        game = _game_of(server, catalogue)
        spec = updated(server, version, game=game)
        return Purpose(kind=Kind.UPDATE, spec=spec, install=game.install_time)

    return await accept(asked, purpose=purpose, work=work, at=at)


def _game_of(server: Server, catalogue: GameCatalogue) -> Game:
    game = catalogue.find(server.spec.game)
    if game is None:
        raise GameNotFound(
            "The catalogue does not hold this server's game any more.",
            remedy="Put the game's folder back, or delete the server.",
        )
    return game
