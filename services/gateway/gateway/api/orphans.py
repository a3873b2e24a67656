"""``/v1/orphans``: VMs in our range that no living server explains. For administrators."""

from typing import Annotated

from fastapi import APIRouter, Body, Depends

from common.contracts.orphans import SweepReport, SweepWish
from gateway.api.dependencies import Gateway, only_admins
from gateway.handlers import orphans

router = APIRouter(prefix="/v1/orphans", tags=["orphans"], dependencies=[Depends(only_admins)])


@router.get("")
async def get_orphans(gateway: Gateway) -> SweepReport:
    """Return what the last sweep saw; sweeps come by themselves, each minute."""
    return await orphans.last_report(questions=gateway.questions)


@router.post("/sweep")
async def sweep(gateway: Gateway, body: Annotated[SweepWish | None, Body()] = None) -> SweepReport:
    """Look for orphans now. Nothing is removed unless ``dry_run`` is false.

    More of them than ``cap`` are not removed in part: none is, and sweeps stay halted until
    one is asked for with a cap that is high enough.
    """
    return await orphans.sweep(body or SweepWish(), questions=gateway.questions)
