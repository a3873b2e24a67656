"""The orphan sweeper: looks at every VM in our range, and removes what is proven to be nobody's.

It is run by one copy of the service at a time, under a lease; ``work`` is fenced by it.
"""

import logging
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final

from common.contracts.orphans import VERDICTS, Orphan, SweepReport, SweepWish
from common.metrics import ORPHANS, SWEEP_HALTED, SWEPT
from vm_service.domain.orphans import Claim, Finding, Proof, Ruling
from vm_service.domain.sweep import (
    Rules,
    Sighted,
    SweepState,
    Tried,
    is_ripe,
    may_try,
    report,
    sighted_now,
    told,
    tried_again,
)
from vm_service.domain.trouble import Trouble
from vm_service.handlers.orphans import SweepTools, look_around, remove, take_up
from vm_service.ports import UnitOfWork

log = logging.getLogger(__name__)

TREATED: Final = frozenset({Ruling.DELETE, Ruling.RESUME})


@dataclass(frozen=True, slots=True, kw_only=True)
class _Case:
    """A finding, what is said of it, and whether it is time to do something about it."""

    found: Finding
    orphan: Orphan
    due: bool = False

    @property
    def is_fresh(self) -> bool:
        """Whether nobody has asked for this removal yet."""
        return self.due and self.found.claim is not Claim.BLOCKED


async def sweep(
    *, work: UnitOfWork, tools: SweepTools, wish: SweepWish | None = None
) -> SweepReport:
    """Look around once and remove what may be removed; with a ``wish``, as an operator asks.

    More orphans than the cap are a sign that our database is wrong: then none is removed, by
    this sweep or any other, until an operator's wish has a cap that is high enough. Raises
    ``Trouble`` if Proxmox does not answer.
    """
    at, before = tools.now(), await tools.ledger.state()
    findings = await look_around(tools)
    sighted = sighted_now(before.sighted, findings, at=at)
    cases = [_case(one, before, sighted[one.vmid], at=at, rules=tools.rules) for one in findings]
    order = _order(cases, before, wish=wish, rules=tools.rules)
    done = [await _treated(case, order, work=work, tools=tools) for case in cases]
    said = report(
        [case.orphan for case in done if case.found.proof is not Proof.ABSENT],
        at=at,
        dry_run=order.dry_run,
        halted=order.halted,
    )
    tried = _tried(before, [case for case in cases if order.covers(case)], sighted, at=at)
    await tools.ledger.keep(SweepState(swept_at=at, report=said, sighted=sighted, tried=tried))
    return said


@dataclass(frozen=True, slots=True, kw_only=True)
class _Order:
    """What this sweep may do."""

    dry_run: bool
    halted: bool

    def covers(self, case: _Case) -> bool:
        """Whether the case is to be treated; a removal once asked for is never held up."""
        return case.due and not self.dry_run and not (self.halted and case.is_fresh)


def _order(
    cases: list[_Case], before: SweepState, *, wish: SweepWish | None, rules: Rules
) -> _Order:
    wanted = sum(case.is_fresh for case in cases)
    dry_run = wish.dry_run if wish else rules.dry_run
    too_many = wanted > (wish.cap if wish and wish.cap else rules.cap)
    stays = before.report.halted and (wish is None or dry_run)
    if too_many and not before.report.halted:
        log.error(
            "more orphans than may be removed at once: none is, until an operator asks for it",
            extra={"orphans": wanted, "cap": rules.cap},
        )
    return _Order(dry_run=dry_run, halted=too_many or stays)


def _case(
    found: Finding, before: SweepState, sighted: Sighted, *, at: datetime, rules: Rules
) -> _Case:
    ripe = is_ripe(found, sighted, at=at, age=rules.age)
    due = found.ruling in TREATED and _is_due(found, before, ripe=ripe, at=at)
    return _Case(found=found, orphan=told(found, ripe=ripe), due=due)


def _is_due(found: Finding, before: SweepState, *, ripe: bool, at: datetime) -> bool:
    last, tried = before.sighted.get(found.vmid), before.tried.get(found.vmid)
    if found.claim is not Claim.BLOCKED or found.record is None:
        return ripe and may_try(tried, at=at)
    if found.proof is Proof.ABSENT or (last is not None and last.evidence != found.evidence):
        return True  # somebody has done something about it
    return may_try(tried or Tried(times=1, last=found.record.since), at=at)


async def _treated(case: _Case, order: _Order, *, work: UnitOfWork, tools: SweepTools) -> _Case:
    if not order.covers(case):
        return case
    found = case.found
    if found.ruling is Ruling.RESUME and found.record is not None:
        await take_up(found.record, work=work)
        return case
    return replace(case, orphan=await remove(found, case.orphan, work=work, tools=tools))


def _tried(
    before: SweepState, treated: list[_Case], sighted: Mapping[int, Sighted], *, at: datetime
) -> dict[int, Tried]:
    kept = {vmid: tried for vmid, tried in before.tried.items() if vmid in sighted}
    for case in treated:
        vmid = case.found.vmid
        kept[vmid] = tried_again(before.tried.get(vmid), at=at)
    return kept


async def sweep_by_the_clock(*, work: UnitOfWork, tools: SweepTools) -> None:
    """Sweep once; if Proxmox does not answer, that is said, and the next sweep is awaited."""
    try:
        said = await sweep(work=work, tools=tools)
    except Trouble as trouble:
        log.warning("no sweep: the hypervisor does not answer", extra={"error": trouble.text})
        state = await tools.ledger.state()
        await tools.ledger.keep(state.model_copy(update={"swept_at": tools.now()}))
        return
    SWEPT.set(tools.now().timestamp())
    SWEEP_HALTED.set(said.halted)
    for verdict in VERDICTS:
        ORPHANS.labels(verdict=verdict).set(sum(one.verdict == verdict for one in said.orphans))
