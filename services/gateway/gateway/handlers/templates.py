"""What the gateway does when an administrator has a template baked, looks at it, or removes it.

A template is a server that never runs a game: it is deployed, sealed, and becomes a template.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Final

from common.contracts.ids import new_id
from common.contracts.servers import ServerSpec
from common.contracts.templates import QUESTION, ClonesAnswer, ClonesQuestion
from gateway.domain.game import Game, default_settings
from gateway.domain.kind import Kind, time_given
from gateway.domain.operation import Operation
from gateway.domain.phase import Phase
from gateway.domain.server import Server
from gateway.domain.step import planned
from gateway.domain.template import TemplateNotFound, check_unused
from gateway.handlers.acceptance import Asked, accepted_before, announce
from gateway.handlers.servers import request
from gateway.ports.questions import Questions
from gateway.ports.records import RequestKey
from gateway.ports.work import UnitOfWork

SHORT: Final = 5.0
MAY_BE_IN_USE: Final = frozenset({Phase.TEMPLATE, Phase.FAILED})  # failed: Proxmox has refused


async def request_bake(
    game: Game, *, owner_id: str, key: RequestKey | None, work: UnitOfWork, at: datetime
) -> Operation:
    """Accept the baking of a template. Asked again under the same key, it is the same one."""
    server_id = new_id("server")
    operation = Operation(
        id=new_id("operation"),
        kind=Kind.BAKE,
        server_id=server_id,
        owner_id=owner_id,
        spec=_spec(game, server_id=server_id),
        created_at=at,
        heard_at=at,
        deadline=at + time_given(Kind.BAKE, install=game.install_time),
        steps=planned(Kind.BAKE),
    )
    template = Server(
        id=server_id,
        owner_id=owner_id,
        spec=operation.spec,
        operation_id=operation.id,
        created_at=at,
        updated_at=at,
    )
    async with work() as tx:
        if key and not await tx.request_keys.claim(key, operation_id=operation.id, at=at):
            return await accepted_before(tx, key)
        await tx.servers.add(template)
        await announce(tx, operation, before=None, server=template)
    return operation


def _spec(game: Game, *, server_id: str) -> ServerSpec:
    """A disk no larger than the least that a server of the game may have: none can shrink."""
    disk = (game.least or game.plan).disk_gib
    return ServerSpec(
        name=f"bake-{game.id}-{server_id[-6:]}",
        game=game.id,
        game_version=game.version,
        settings=default_settings(game),
        plan=game.plan.model_copy(update={"name": "bake", "disk_gib": disk}),
        cpu_type=game.cpu_type,
        purpose="template",
        recipe=game.recipe,
    )


async def templates(*, work: UnitOfWork) -> Sequence[Server]:
    """Return everybody's templates, newest first."""
    async with work() as tx:
        return await tx.servers.templates()


async def request_deletion(
    id: str, *, questions: Questions, work: UnitOfWork, at: datetime
) -> Operation:
    """Ask for a template to be removed. Raises ``TemplateInUse`` while disks rest on it."""
    async with work() as tx:
        template = await tx.servers.find(id)
    if template is None or template.spec.purpose != "template":
        raise TemplateNotFound("There is no template of this id.", remedy="See GET /v1/templates.")
    if template.baked is not None and template.phase in MAY_BE_IN_USE:
        check_unused(await _clones(id, questions))
    asked = Asked(server_id=id, owner_id=template.owner_id, purpose="template")
    return await request(asked, Kind.DELETE, work=work, at=at)


async def _clones(id: str, questions: Questions) -> Sequence[str]:
    body = ClonesQuestion(template_id=id).model_dump_json().encode()
    answer = await questions.ask(QUESTION, body, timeout=SHORT)
    return ClonesAnswer.model_validate_json(answer).servers
