"""``/v1/deployments``: ask for game servers."""

import json
from typing import Annotated

from fastapi import APIRouter, Header, Response, status
from pydantic import BaseModel, Field, JsonValue

from common.contracts.base import now
from gateway.api.dependencies import Authenticated, Caller, Gateway, Parts
from gateway.api.views import OperationView, operation_path
from gateway.handlers import deployments
from gateway.ports.records import RequestKey

router = APIRouter(prefix="/v1/deployments", tags=["deployments"])


class DeploymentWish(BaseModel, frozen=True, extra="forbid"):
    """What you want. Without a plan, it is the size the game's definition recommends."""

    game: str = Field(max_length=64)
    name: str | None = Field(
        default=None, min_length=1, max_length=63, pattern=r"^[a-z0-9]([a-z0-9-]*[a-z0-9])?$"
    )
    plan: str | None = Field(default=None, max_length=64)
    settings: dict[str, JsonValue] = Field(default_factory=dict)
    keep_on_failure: bool = False


@router.post("", status_code=status.HTTP_202_ACCEPTED)
async def request_deployment(
    body: DeploymentWish,
    caller: Caller,
    gateway: Gateway,
    response: Response,
    idempotency_key: Annotated[str | None, Header(min_length=1, max_length=255)] = None,
) -> OperationView:
    """Ask for a game server. It is not there yet: follow ``Location``."""
    operation = await deployments.request_deployment(
        deployments.Wish(
            game=body.game,
            name=body.name,
            plan=body.plan,
            settings=body.settings,
            keep_on_failure=body.keep_on_failure,
            key=_key(body, caller, gateway, idempotency_key) if idempotency_key else None,
        ),
        owner_id=caller.user_id,
        catalogue=gateway.catalogue,
        seals=gateway.seals,
        work=gateway.work,
        at=now(),
    )
    response.headers["Location"] = operation_path(operation.id)
    return OperationView.of(operation)


def _key(body: DeploymentWish, caller: Authenticated, gateway: Parts, key: str) -> RequestKey:
    # A bare hash would let who reads the database try passwords: the rest is known.
    canonical = json.dumps(body.model_dump(mode="json"), sort_keys=True, separators=(",", ":"))
    return RequestKey(
        scope=f"{caller.user_id} POST {router.prefix}",
        key=key,
        body_hash=gateway.seals.fingerprint(canonical.encode()),
    )
