"""The sweeper of this copy: by the clock, and when an operator asks. One copy sweeps at a time."""

from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, replace
from functools import partial
from typing import Final

from pydantic import ValidationError

from common.bell import Bell
from common.contracts.orphans import SweepWish
from common.db.engine import Sessions
from common.db.leases import Lease, LeaseLost, SqlLeases
from common.db.work import UnitOfWork
from common.messaging.ask import Answer, AnswerRefused, Refusal
from common.worker import Worker
from vm_service.adapters.sql import FencedWork, SqlWork
from vm_service.adapters.sweep_sql import due_sweeps
from vm_service.domain.sweep import SWEEPER
from vm_service.domain.trouble import Trouble
from vm_service.handlers.orphans import SweepTools
from vm_service.handlers.sweeper import sweep, sweep_by_the_clock
from vm_service.ports import Hypervisor

LONGEST: Final = 300.0  # seconds a sweep that was asked for keeps others from sweeping


@dataclass(frozen=True, slots=True, kw_only=True)
class Sweeping:
    """What sweeps need. ``hold`` lends the hypervisor that a whole sweep is about.

    Were it exchanged in the middle, what was proven of a VM here would remove another there.
    """

    sessions: Sessions
    work: UnitOfWork[SqlWork]
    tools: SweepTools
    owner: str
    hold: Callable[[], AbstractAsyncContextManager[Hypervisor]]

    def worker(self) -> Worker:
        """Return what sweeps by the clock."""

        async def work_under(_: str, lease: Lease) -> None:
            async with self._tools() as tools:
                await sweep_by_the_clock(work=FencedWork(self.work, lease), tools=tools)

        return Worker(
            name="sweeps",
            owner=self.owner,
            sessions=self.sessions,
            bell=Bell(),  # of its own: it goes by the clock
            find_due=partial(due_sweeps, self.sessions, every=self.tools.rules.every),
            work=work_under,
            concurrency=1,
        )

    def answers(self) -> Mapping[str, Answer]:
        """Return the answers to questions about orphans."""
        return {"orphans.list": self._listed, "orphans.sweep": self._swept}

    async def _listed(self, _: bytes) -> bytes:
        state = await self.tools.ledger.state()
        return state.report.model_dump_json().encode()

    async def _swept(self, body: bytes) -> bytes:
        wish = _wish(body)
        lease = await self._lease()
        try:
            async with self._tools() as tools:
                report = await sweep(work=FencedWork(self.work, lease), tools=tools, wish=wish)
        except LeaseLost:
            raise AnswerRefused(_BUSY) from None
        except Trouble as trouble:
            raise AnswerRefused(
                Refusal(code="hypervisor_trouble", detail=trouble.text, remedy=trouble.remedy)
            ) from trouble
        finally:
            await self._release(lease)
        return report.model_dump_json().encode()

    @asynccontextmanager
    async def _tools(self) -> AsyncGenerator[SweepTools]:
        async with self.hold() as hypervisor:
            yield replace(self.tools, hypervisor=hypervisor)

    async def _lease(self) -> Lease:
        async with self.sessions.begin() as session:
            lease = await SqlLeases(session).take(SWEEPER, owner=self.owner, seconds=LONGEST)
        if lease is None:
            raise AnswerRefused(_BUSY)
        return lease

    async def _release(self, lease: Lease) -> None:
        try:
            async with self.sessions.begin() as session:
                await SqlLeases(session).release(lease)
        except LeaseLost:
            pass  # it took so long that another has begun


_BUSY: Final = Refusal(
    code="sweep_busy",
    detail="A sweep is under way.",
    remedy="Look at its report (yard orphans), or ask again in a minute.",
)


def _wish(body: bytes) -> SweepWish:
    try:
        return SweepWish.model_validate_json(body)
    except ValidationError as error:
        detail = f"not a wish for a sweep: {error.error_count()} mistakes"
        raise AnswerRefused(Refusal(code="invalid_request", detail=detail)) from None
