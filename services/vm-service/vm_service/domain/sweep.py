"""A sweep: what has been seen for long enough, how often is tried, and what is told of it."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from pydantic import AwareDatetime, BaseModel

from common.contracts.orphans import Orphan, SweepReport, Verdict
from vm_service.domain.orphans import Claim, Finding, Proof, Ruling

SWEEPER: Final = "sweeper"  # what the lease of sweeps is on
TWICE: Final = 2  # a VM seen once may be on its way out already
FIRST_PAUSE: Final = timedelta(minutes=10)
LONGEST_PAUSE: Final = timedelta(hours=1)
MOST_LISTED: Final = 400  # so that a report fits into an answer


class Sighted(BaseModel, frozen=True):
    """Since when a VM has been seen as it is, and in how many sweeps."""

    evidence: str
    first: AwareDatetime
    times: int


class Tried(BaseModel, frozen=True):
    """How often a removal was tried, and when last."""

    times: int
    last: AwareDatetime


class SweepState(BaseModel, frozen=True):
    """What one sweep leaves for the next."""

    swept_at: AwareDatetime | None = None
    report: SweepReport = SweepReport()
    sighted: Mapping[int, Sighted] = {}
    tried: Mapping[int, Tried] = {}


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """How often sweeps come, how patient they are, and how bold."""

    every: timedelta = timedelta(seconds=60)
    age: timedelta = timedelta(minutes=30)
    cap: int = 5
    dry_run: bool = False


def sighted_now(
    before: Mapping[int, Sighted], findings: Iterable[Finding], *, at: datetime
) -> dict[int, Sighted]:
    """Count the sightings; what looks different than last time is seen for the first time."""
    found: dict[int, Sighted] = {}
    for one in findings:
        last = before.get(one.vmid)
        same = last is not None and last.evidence == one.evidence
        found[one.vmid] = Sighted(
            evidence=one.evidence,
            first=last.first if last and same else at,
            times=last.times + 1 if last and same else 1,
        )
    return found


def is_ripe(found: Finding, sighted: Sighted, *, at: datetime, age: timedelta) -> bool:
    """Tell whether a VM has been an orphan for long enough to be treated as one."""
    since = max(sighted.first, found.record.since) if found.record else sighted.first
    return sighted.times >= TWICE and at - since >= age


def may_try(tried: Tried | None, *, at: datetime) -> bool:
    """Tell whether a removal that failed is due again; less and less often."""
    if tried is None:
        return True
    pause = FIRST_PAUSE * 2 ** min(tried.times - 1, 10)
    return at - tried.last >= min(pause, LONGEST_PAUSE)


def tried_again(tried: Tried | None, *, at: datetime) -> Tried:
    """Count a try."""
    return Tried(times=tried.times + 1 if tried else 1, last=at)


def told(found: Finding, *, ripe: bool) -> Orphan:
    """Return what is said of a VM before anything is done about it."""
    verdict = _VERDICTS[found.ruling]
    if found.claim is Claim.BLOCKED:
        verdict = "cleanup_blocked"
    elif not ripe and verdict != "foreign_vm":
        verdict = "waiting"
    spared = found.proof in _SPARED
    command = by_hand(found.vmid) if verdict == "cleanup_blocked" and not spared else None
    return Orphan(
        vmid=found.vmid, node=found.node, verdict=verdict, reason=_reason(found), command=command
    )


def _reason(found: Finding) -> str:
    if found.claim is Claim.BLOCKED and found.record and found.record.failure:
        if found.proof in _SPARED and found.record.remedy:
            return f"{found.record.failure}; {found.record.remedy}"
        if found.proof is Proof.HIDDEN:
            look = f"our token cannot see it, so look first: qm config {found.vmid}"
            return f"{found.record.failure}; {look}"
        return found.record.failure
    if found.claim is Claim.ABANDONED:
        return "its deployment failed, and nobody asked to keep it"
    return _REASONS.get((found.claim, found.proof)) or _GENERAL[found.proof]


def by_hand(vmid: int, *, text: str = "") -> str:
    """Return what root types on the node to remove what an API token cannot remove."""
    if "protection" in text:
        return f"qm set {vmid} --protection 0 && qm destroy {vmid}"
    return f"qm unlock {vmid} && qm destroy {vmid}"


def report(orphans: Sequence[Orphan], *, at: datetime, dry_run: bool, halted: bool) -> SweepReport:
    """Return the report, with strangers last and no longer than an answer may be."""
    listed = sorted(orphans, key=lambda one: (_RANK.index(one.verdict), one.vmid))
    return SweepReport(
        at=at.isoformat(timespec="seconds"),
        dry_run=dry_run,
        halted=halted,
        orphans=tuple(listed[:MOST_LISTED]),
        more=max(0, len(listed) - MOST_LISTED),
    )


# Not to be destroyed by whoever follows our word: a VM that took the place of one of ours, and a
# template, on which disks of servers may rest.
_SPARED: Final = frozenset({Proof.FOREIGN, Proof.TEMPLATE})
_RANK: Final[tuple[Verdict, ...]] = (
    "cleanup_blocked",
    "to_delete",
    "deleted",
    "waiting",
    "foreign_vm",
)
_VERDICTS: Final[Mapping[Ruling, Verdict]] = {
    Ruling.DELETE: "to_delete",
    Ruling.RESUME: "to_delete",
    Ruling.EXPLAINED: "waiting",
    Ruling.BLOCKED: "cleanup_blocked",
    Ruling.FOREIGN: "foreign_vm",
}
_REASONS: Final[Mapping[tuple[Claim, Proof], str]] = {
    (Claim.GONE, Proof.MARKED): "its server is gone",
    (Claim.NOTHING, Proof.MARKED): "our database knows nothing of its server",
    (Claim.NOTHING, Proof.HALF): "a clone that we have not begun",
    (Claim.GONE, Proof.TEMPLATE): (
        "a template with our mark that is gone by our database: a sweep removes none"
    ),
    (Claim.NOTHING, Proof.TEMPLATE): (
        "a template with our mark that our database knows nothing of: a sweep removes none"
    ),
    **dict.fromkeys(
        [(Claim.ELSEWHERE, proof) for proof in (Proof.MARKED, Proof.LOCKED, Proof.TEMPLATE)],
        "its mark is that of a server whose VM has another id: a copy",
    ),
    **dict.fromkeys(
        [(Claim.NAMELESS, proof) for proof in (Proof.MARKED, Proof.LOCKED, Proof.TEMPLATE)],
        "our database knows nothing of its server, and other installations may have the name "
        "in its mark: it is the one that is used where SPAWNYARD_INSTALL_ID is not set",
    ),
}
_GENERAL: Final[Mapping[Proof, str]] = {
    Proof.MARKED: "its removal was refused",
    Proof.TEMPLATE: "its removal was refused",
    Proof.LOCKED: "it is locked, and an API token cannot unlock it",
    Proof.HALF: "a clone that was broken off is locked, and an API token cannot unlock it",
    Proof.ABSENT: "there is no such VM any more",
    Proof.FOREIGN: "it does not carry the mark of this installation",
    Proof.HIDDEN: "our token may not see it",
}
