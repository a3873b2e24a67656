"""``/v1/deployments``: ask for game servers."""

from fastapi import APIRouter, Response, status
from pydantic import BaseModel, Field, JsonValue

from common.contracts.base import now
from gateway.api.dependencies import Caller, Gateway
from gateway.api.idempotency import IdempotencyKey, request_key
from gateway.api.labels import Labels
from gateway.api.views import HOST_LABEL, OperationView, operation_path
from gateway.handlers import deployments

router = APIRouter(prefix="/v1/deployments", tags=["deployments"])


class DeploymentWish(BaseModel, frozen=True, extra="forbid"):
    """What you want. Without a plan, it is the size the game's definition recommends."""

    game: str = Field(max_length=64)
    name: str | None = Field(default=None, min_length=1, max_length=63, pattern=HOST_LABEL)
    plan: str | None = Field(default=None, max_length=64)
    settings: dict[str, JsonValue] = Field(default_factory=dict)
    keep_on_failure: bool = False
    labels: Labels = Field(default_factory=dict)


@router.post("", status_code=status.HTTP_202_ACCEPTED)
async def request_deployment(
    body: DeploymentWish,
    caller: Caller,
    gateway: Gateway,
    response: Response,
    idempotency_key: IdempotencyKey = None,
) -> OperationView:
    """Ask for a game server. It is not there yet: follow ``Location``."""
    operation = await deployments.request_deployment(
        deployments.Wish(
            game=body.game,
            name=body.name,
            plan=body.plan,
            settings=body.settings,
            keep_on_failure=body.keep_on_failure,
            labels=body.labels,
            key=request_key(
                idempotency_key,
                body,
                route=f"POST {router.prefix}",
                caller=caller,
                gateway=gateway,
            ),
        ),
        owner_id=caller.user_id,
        catalogue=gateway.catalogue,
        seals=gateway.seals,
        work=gateway.work,
        at=now(),
    )
    response.headers["Location"] = operation_path(operation.id)
    return OperationView.of(operation)
