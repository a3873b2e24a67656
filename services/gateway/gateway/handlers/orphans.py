"""What the gateway does when an administrator looks after orphaned VMs: it asks the vm-service."""

from typing import Final

from common.contracts.orphans import SweepReport, SweepWish
from gateway.ports.questions import Questions

SHORT: Final = 5.0
LONG: Final = 90.0  # a sweep looks at VMs one by one, and waits for each removal


async def last_report(*, questions: Questions) -> SweepReport:
    """Return what the last sweep saw."""
    return SweepReport.model_validate_json(await questions.ask("orphans.list", b"", timeout=SHORT))


async def sweep(wish: SweepWish, *, questions: Questions) -> SweepReport:
    """Have a sweep done now; only a wish that is no dry run removes anything."""
    body = wish.model_dump_json().encode()
    return SweepReport.model_validate_json(await questions.ask("orphans.sweep", body, timeout=LONG))
