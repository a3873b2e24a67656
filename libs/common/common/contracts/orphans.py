"""What the orphan sweeper tells of VMs in our range that no living server explains."""

from typing import Final, Literal, get_args

from pydantic import BaseModel, Field

Verdict = Literal["to_delete", "waiting", "deleted", "cleanup_blocked", "foreign_vm"]
VERDICTS: Final[tuple[Verdict, ...]] = get_args(Verdict)


class Orphan(BaseModel, frozen=True):
    """A VM in our range that no living server explains, and what the sweeper does about it.

    ``to_delete``: the next sweep that may will remove it. ``waiting``: it looks like it, but
    not for long enough. ``cleanup_blocked``: ours, and Proxmox does not let us; ``command``
    helps, if there is one, or else what ``reason`` says. ``foreign_vm``: not proven to be ours, and
    never touched.
    """

    vmid: int
    node: str
    verdict: Verdict
    reason: str
    command: str | None = None


class SweepWish(BaseModel, frozen=True, extra="forbid"):
    """The question ``orphans.sweep``. ``cap``: delete as many at most; none: the usual cap.

    More orphans than the cap are not deleted in part: none of them is.
    """

    dry_run: bool = True
    cap: int | None = Field(default=None, ge=1, le=10_000)


class SweepReport(BaseModel, frozen=True):
    """What the last sweep saw. ``at``: when; none: there was none yet.

    ``halted``: it wanted to delete more than its cap allows, so nothing is deleted any more
    until somebody asks for a sweep with a cap that is high enough. ``more``: orphans that are
    not listed, because the list would be too long.
    """

    at: str | None = None
    dry_run: bool = False
    halted: bool = False
    orphans: tuple[Orphan, ...] = ()
    more: int = 0

    @property
    def deletable(self) -> int:
        """Count those that would be deleted."""
        return sum(orphan.verdict == "to_delete" for orphan in self.orphans)
