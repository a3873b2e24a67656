"""Which VMs in our range nobody explains, and which of them may go: judged, nothing done.

A VM is removed only on three proofs at once: its id is in our range; our database says that
its server is gone, or has known nothing of it for long; it carries the mark of this very
installation. Whatever falls short of that is told of, and left alone.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final

from vm_service.domain.machine import Machine
from vm_service.domain.ownership import UNFINISHED, Mark, Sighting, mark_of
from vm_service.domain.program import Kind, Stage
from vm_service.domain.vm import Listed


class Life(StrEnum):
    """What became of a machine, as far as its VM is concerned."""

    LIVING = "living"  # wanted, or kept as somebody asked
    ABANDONED = "abandoned"  # its deployment failed, and nobody asked to keep it
    BLOCKED = "blocked"  # its removal was refused
    GONE = "gone"


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """A machine of our database. ``since``: when it came to this."""

    server_id: str
    vmid: int
    node: str
    life: Life
    since: datetime
    failure: str = ""
    remedy: str | None = None


class Proof(StrEnum):
    """What the VM itself shows."""

    MARKED = "marked"  # our mark, and nothing in the way
    LOCKED = "locked"  # our mark, and a lock
    HALF = "half"  # a clone under way or broken off: nobody's name is on it yet
    TEMPLATE = "template"  # our mark, and nothing in the way, but others may rest on it
    FOREIGN = "foreign"  # no mark, somebody else's, or a template that is locked
    HIDDEN = "hidden"  # something is there, and our token may not see it
    ABSENT = "absent"  # there is no VM (any more)


class Claim(StrEnum):
    """What our database says of the VM."""

    LIVING = "living"
    ABANDONED = "abandoned"
    BLOCKED = "blocked"
    GONE = "gone"  # the server that had this id, and whose mark it carries, is gone
    ELSEWHERE = "elsewhere"  # the server of its mark had another id: a copy
    NOTHING = "nothing"
    NAMELESS = "nameless"  # nothing, and the name in its mark is everybody's


class Ruling(StrEnum):
    """What is done about a VM."""

    EXPLAINED = "explained"
    DELETE = "delete"
    RESUME = "resume"  # its machine is sent on its way out, again
    BLOCKED = "blocked"
    FOREIGN = "foreign"


# The default, and what stands in the example of the compose stack.
EVERYBODYS: Final = frozenset({"spawnyard", "a-name-of-its-own"})

_ALL: Final = tuple(Proof)
_SEEN: Final = tuple(proof for proof in Proof if proof is not Proof.ABSENT)
_AGAIN: Final = (Proof.ABSENT, Proof.MARKED, Proof.TEMPLATE)
_STRANGE: Final = (Claim.GONE, Claim.NOTHING, Claim.ELSEWHERE, Claim.NAMELESS)  # unless said below
_IN_THE_WAY: Final = (Proof.LOCKED, Proof.HALF, Proof.FOREIGN, Proof.HIDDEN)
RULINGS: Final[Mapping[tuple[Claim, Proof], Ruling]] = {
    **{(claim, Proof.ABSENT): Ruling.EXPLAINED for claim in Claim},
    **{(Claim.LIVING, proof): Ruling.EXPLAINED for proof in _ALL},
    **{(Claim.ABANDONED, proof): Ruling.RESUME for proof in _ALL},
    **{(Claim.BLOCKED, proof): Ruling.RESUME for proof in _AGAIN},
    **{(Claim.BLOCKED, proof): Ruling.BLOCKED for proof in _IN_THE_WAY},
    **{(claim, proof): Ruling.FOREIGN for claim in _STRANGE for proof in _SEEN},
    (Claim.GONE, Proof.MARKED): Ruling.DELETE,
    (Claim.GONE, Proof.LOCKED): Ruling.BLOCKED,
    (Claim.GONE, Proof.HALF): Ruling.BLOCKED,
    (Claim.NOTHING, Proof.MARKED): Ruling.DELETE,
    (Claim.NOTHING, Proof.LOCKED): Ruling.BLOCKED,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """A VM that was looked at, and what the database says of it."""

    vmid: int
    node: str
    proof: Proof
    claim: Claim
    mark: Mark | None = None
    record: Record | None = None

    @property
    def ruling(self) -> Ruling:
        """What is done about it, once it is old enough."""
        return RULINGS[self.claim, self.proof]

    @property
    def evidence(self) -> str:
        """What must be seen again, unchanged, before anything is done."""
        return f"{self.claim} {self.proof} {self.mark.text if self.mark else ''}"


def life_of(machine: Machine) -> Life:
    """Return what became of a machine."""
    kept = machine.spec is not None and machine.spec.keep_on_failure
    if machine.stage is Stage.FAILED and machine.kind is Kind.DEPLOY and not kept:
        return Life.ABANDONED
    return _LIVES.get(machine.stage, Life.LIVING)


_LIVES: Final = {Stage.BLOCKED: Life.BLOCKED, Stage.GONE: Life.GONE}


def proof_of(listed: Listed | None, sighting: Sighting | None, *, install: str) -> Proof:
    """Judge what a VM shows; only an exact mark of ours, at its place, counts."""
    if sighting is None:
        return Proof.ABSENT
    if sighting.hidden:
        return Proof.HIDDEN
    mark = mark_of(sighting.description)
    is_ours = mark is not None and mark.install == install
    if listed is not None and listed.template:
        return Proof.TEMPLATE if is_ours and not sighting.lock else Proof.FOREIGN
    if is_ours:
        return Proof.LOCKED if sighting.lock else Proof.MARKED
    nameless = sighting.lock in UNFINISHED and not sighting.description.strip()
    return Proof.HALF if nameless else Proof.FOREIGN


def claim_of(
    vmid: int, mark: Mark | None, records: Sequence[Record]
) -> tuple[Claim, Record | None]:
    """Return what the database says of a VM, and the record that says so."""
    here = [record for record in records if record.vmid == vmid]
    for record in here:
        if record.life is not Life.GONE:
            return Claim(record.life), record
    mine = [record for record in here if mark is None or record.server_id == mark.server_id]
    if mine:
        return Claim.GONE, max(mine, key=lambda record: record.since)
    if mark is None:
        return Claim.NOTHING, None
    if any(record.server_id == mark.server_id for record in records):
        return Claim.ELSEWHERE, None
    return (Claim.NAMELESS if mark.install in EVERYBODYS else Claim.NOTHING), None


_OURS: Final = frozenset({Proof.MARKED, Proof.LOCKED, Proof.TEMPLATE})


def finding(
    place: tuple[str, int],
    sighting: Sighting | None,
    *,
    listed: Listed | None,
    records: Sequence[Record],
    install: str,
) -> Finding:
    """Put together what is seen at a node and VM id, and what the database says of it."""
    node, vmid = place
    proof = proof_of(listed, sighting, install=install)
    ours = sighting if proof in _OURS else None
    mark = mark_of(ours.description) if ours else None
    claim, record = claim_of(vmid, mark, records)
    return Finding(
        vmid=vmid,
        node=sighting.node if sighting else node,
        proof=proof,
        claim=claim,
        mark=mark,
        record=record,
    )


def worth_a_look(listed: Iterable[Listed], records: Sequence[Record]) -> list[tuple[str, int]]:
    """Return where to look: at every VM, and for every record, that nothing living explains."""
    living = {record.vmid for record in records if record.life is Life.LIVING}
    places = {vm.vmid: vm.node for vm in listed if vm.vmid not in living}
    for record in records:
        if record.life in {Life.BLOCKED, Life.ABANDONED}:
            places.setdefault(record.vmid, record.node)
    return [(node, vmid) for vmid, node in sorted(places.items())]
