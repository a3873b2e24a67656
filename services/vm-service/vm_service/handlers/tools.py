"""What every job works with, and the time it lives in."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import datetime

from common.contracts.base import now
from vm_service.domain.pace import Pace
from vm_service.handlers.turns import Turns
from vm_service.ports import AddressProbe, Hypervisor, Reach, ServerKeys


@dataclass(frozen=True, slots=True, kw_only=True)
class Tools:
    """What every job works with. ``probe``: none where no guest's address can be reached.

    ``keys``: none where the installation's key opens every guest. ``grace``: seconds a guest has
    for shutting down, before its power is cut.
    """

    hypervisor: Hypervisor
    reach: Reach
    install: str
    clones: Turns
    probe: AddressProbe | None = None
    keys: ServerKeys | None = None
    tofu: bool = False
    grace: float = 120.0
    pace: Pace = field(default_factory=Pace)
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
    clock: Callable[[], float] = time.monotonic
    now: Callable[[], datetime] = now
