"""``/v1/servers/{id}/…``: start, stop, restart and kill a server, change it, let it go.

Each answers 202 with the operation that does it; 409 where the server's phase, or another
operation, does not allow it.
"""

from typing import Annotated

from fastapi import APIRouter, Depends, Response, status
from pydantic import BaseModel, Field, JsonValue

from common.contracts.base import now
from gateway.api.dependencies import Authenticated, Caller, Gateway, Parts
from gateway.api.idempotency import IdempotencyKey, request_key
from gateway.api.pages import ServerId
from gateway.api.views import HOST_LABEL, OperationView, operation_path
from gateway.domain.kind import Kind
from gateway.domain.operation import Operation
from gateway.domain.shape import Alteration
from gateway.handlers import servers
from gateway.handlers.acceptance import Asked

router = APIRouter(prefix="/v1/servers", tags=["servers"])


class NoWish(BaseModel, frozen=True, extra="forbid"):
    """Nothing can be said: an empty object, or no body at all."""


class RestartWish(BaseModel, frozen=True, extra="forbid"):
    """``force``: reset the VM instead of asking the guest to reboot."""

    force: bool = False


class UpdateWish(BaseModel, frozen=True, extra="forbid"):
    """``version``: which one of the game; none: the newest that the server's settings allow."""

    version: str | None = Field(default=None, min_length=1, max_length=64)


class AlterationWish(BaseModel, frozen=True, extra="forbid"):
    """What is to be different; the rest stays. A setting of null goes back to its default."""

    name: str | None = Field(default=None, min_length=1, max_length=63, pattern=HOST_LABEL)
    plan: str | None = Field(default=None, max_length=64)
    settings: dict[str, JsonValue] | None = None


class Door:
    """Who asks for what: the part that all routes of this module have in common."""

    def __init__(
        self,
        id: ServerId,
        caller: Caller,
        gateway: Gateway,
        response: Response,
        idempotency_key: IdempotencyKey = None,
    ) -> None:
        self._id = id
        self._caller: Authenticated = caller
        self._key = idempotency_key
        self._response = response
        self.gateway: Parts = gateway

    def asked(self, method: str, verb: str, body: BaseModel | None) -> Asked:
        """Return which server is meant, and under which key."""
        route = f"{method} {router.prefix}/{self._id}{verb}"
        key = request_key(self._key, body, route=route, caller=self._caller, gateway=self.gateway)
        return Asked(server_id=self._id, owner_id=self._caller.user_id, key=key)

    async def power(self, kind: Kind, body: NoWish | RestartWish | None) -> OperationView:
        """Ask for the server to be brought into another state of power."""
        # What was not said and what was said by default are one body.
        said = body or (RestartWish() if kind is Kind.RESTART else NoWish())
        force = isinstance(said, RestartWish) and said.force
        operation = await servers.request(
            self.asked("POST", f"/{kind}", said),
            kind,
            work=self.gateway.work,
            at=now(),
            force=force,
        )
        return self.accepted(operation)

    def accepted(self, operation: Operation) -> OperationView:
        """Answer with the operation, and where to follow it."""
        self._response.headers["Location"] = operation_path(operation.id)
        return OperationView.of(operation)


Here = Annotated[Door, Depends()]


@router.post("/{id}/start", status_code=status.HTTP_202_ACCEPTED)
async def request_start(door: Here, body: NoWish | None = None) -> OperationView:
    """Start a server that is stopped, or that failed and has its VM still."""
    return await door.power(Kind.START, body)


@router.post("/{id}/stop", status_code=status.HTTP_202_ACCEPTED)
async def request_stop(door: Here, body: NoWish | None = None) -> OperationView:
    """Ask the guest to shut down. A kill does not wait for it."""
    return await door.power(Kind.STOP, body)


@router.post("/{id}/restart", status_code=status.HTTP_202_ACCEPTED)
async def request_restart(door: Here, body: RestartWish | None = None) -> OperationView:
    """Reboot the guest; with ``force``, reset the VM."""
    return await door.power(Kind.RESTART, body)


@router.post("/{id}/kill", status_code=status.HTTP_202_ACCEPTED)
async def request_kill(door: Here, body: NoWish | None = None) -> OperationView:
    """Switch the VM off at once, ahead of any other change. Asking again changes nothing."""
    return await door.power(Kind.KILL, body)


@router.post("/{id}/update", status_code=status.HTTP_202_ACCEPTED)
async def request_update(door: Here, body: UpdateWish | None = None) -> OperationView:
    """Bring the game to another version; if it does not come up, the VM goes back by a snapshot."""
    said = body or UpdateWish()
    operation = await servers.request_update(
        door.asked("POST", "/update", said),
        said.version,
        catalogue=door.gateway.catalogue,
        work=door.gateway.work,
        at=now(),
    )
    return door.accepted(operation)


@router.patch("/{id}", status_code=status.HTTP_202_ACCEPTED)
async def request_alteration(door: Here, body: AlterationWish) -> OperationView:
    """Change name, plan or settings: by a ``resize`` if the plan differs, else a ``reconfigure``.

    Settings that choose the game's version are changed by an ``update``, which goes back if it
    fails, or by a ``reconfigure`` of a server that has failed itself; those that only a new world
    takes are refused.
    """
    operation = await servers.request_alteration(
        door.asked("PATCH", "", body),
        Alteration(name=body.name, plan=body.plan, settings=body.settings),
        catalogue=door.gateway.catalogue,
        seals=door.gateway.seals,
        work=door.gateway.work,
        at=now(),
    )
    return door.accepted(operation)


@router.delete("/{id}", status_code=status.HTTP_202_ACCEPTED)
async def request_deletion(door: Here) -> OperationView:
    """Ask for a server and its VM to be deleted. Asking again changes nothing."""
    operation = await servers.request(
        door.asked("DELETE", "", None), Kind.DELETE, work=door.gateway.work, at=now()
    )
    return door.accepted(operation)
