"""The lab with its fault panel, and a vm-service whose waits pass at once.

The service's time passes only while it waits, so ten minutes of patience are ten minutes on its
clock however slow or fast this machine is.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from common.contracts.events import StepChanged
from common.contracts.orphans import SweepReport
from tests.integration.vm_service.conftest import Opened, Service, Site, service_of
from tests.lab_invariants import doubles, strangers, touched
from vm_service.adapters.proxmox import client as client_module
from vm_service.adapters.sweep_sql import SqlLedger
from vm_service.domain import breaker as breaker_module
from vm_service.domain import patience as patience_module
from vm_service.domain.sweep import Rules
from vm_service.handlers import bringing_up as bringing_up_module
from vm_service.handlers import waiting as waiting_module
from vm_service.handlers.orphans import SweepTools
from vm_service.handlers.sweeper import sweep

FIRST = 900_000
SPEED = 500.0  # of the lab
Happening = Callable[[], Awaitable[None]]


class Waits:
    """Time that passes only by waiting, and what is to happen at some moment of it."""

    def __init__(self) -> None:
        self.seconds = 0.0
        self._began = datetime.now(UTC)
        self._plans: list[tuple[float, Happening]] = []

    def at(self, seconds: float, happening: Happening) -> None:
        """Have something happen when so many seconds of waiting are over."""
        self._plans.append((seconds, happening))

    async def sleep(self, seconds: float) -> None:
        self.seconds += seconds
        due = [plan for plan in self._plans if plan[0] <= self.seconds]
        for plan in due:
            self._plans.remove(plan)
            await plan[1]()
        await asyncio.sleep(0.002)

    def clock(self) -> float:
        return self.seconds

    def now(self) -> datetime:
        return self._began + timedelta(seconds=self.seconds)


class Trouble:
    """The fault panel of one lab."""

    def __init__(self, site: Site) -> None:
        self._panel = site.panel

    async def make(self, **rule: object) -> str:
        """Put a fault to work, and return its id."""
        answer = await self._panel.post("/lab/faults", json=rule)
        assert answer.status_code == 201, answer.text
        return answer.json()["id"]

    async def count(self, **rule: object) -> str:
        """Count requests without doing anything to them."""
        return await self.make(action="delay", **rule)

    async def hits(self, fault: str) -> int:
        """Return how often a fault has struck."""
        faults: list[dict[str, Any]] = (await self._panel.get("/lab/faults")).json()
        return next(one["hits"] for one in faults if one["id"] == fault)

    async def end(self) -> None:
        """Take all faults away."""
        assert (await self._panel.delete("/lab/faults")).status_code == 204


@pytest.fixture
def database_url(tmp_path: Path) -> str:
    """One engine is enough here: what differs between them is tested elsewhere."""
    return f"sqlite+aiosqlite:///{tmp_path}/faults.db"


@pytest.fixture(autouse=True)
def no_real_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have the client wait as often as ever, for next to no time."""
    monkeypatch.setattr(client_module, "PAUSES", (0.001,) * len(client_module.PAUSES))
    monkeypatch.setattr(breaker_module, "FIRST_REST", 0.005)
    monkeypatch.setattr(breaker_module, "LONGEST_REST", 0.02)
    # Fewer looks into the database and at guests that are silent, fewer tries in half an hour.
    monkeypatch.setattr(patience_module, "LONGEST_PAUSE", 30.0)
    monkeypatch.setattr(waiting_module, "ATTENTION", 10.0)
    monkeypatch.setattr(bringing_up_module, "LONGEST_LOOK", 20.0)


@pytest.fixture
def waits() -> Waits:
    return Waits()


@pytest.fixture
def pve() -> str:
    """The release of the lab; a test may name others."""
    return "9.2"


@pytest.fixture
async def site(open_site: Opened, pve: str) -> AsyncIterator[Site]:
    async with open_site(pve=pve, speed=SPEED) as opened:
        yield opened
        await nobody_was_hurt(opened)


async def nobody_was_hurt(site: Site) -> None:
    """No server ever had two VMs, and no stranger was touched, whatever went wrong."""
    history = (await site.panel.get("/lab/history")).json()
    assert doubles(history) == []
    token = site.settings.proxmox_token_id
    assert token is not None
    assert touched(history, strangers(history), by=token) == []


@pytest.fixture
def trouble(site: Site) -> Trouble:
    return Trouble(site)


@pytest.fixture
async def service(site: Site, waits: Waits) -> AsyncIterator[Service]:
    async with service_of(site.settings) as service:
        yield hurried(service, waits)


def hurried(service: Service, waits: Waits) -> Service:
    """Have the service live in that time."""
    service.tools = replace(service.tools, sleep=waits.sleep, clock=waits.clock, now=waits.now)
    return service


async def tries(service: Service, step: str) -> int:
    """Return how often a step was tried."""
    return max((f.attempt for f in await service.said(StepChanged) if f.step == step), default=0)


async def told(service: Service) -> str:
    """Return the log, for whoever reads a failure of a test."""
    return "\n".join(await service.lines())


def slow(site: Site, waits: Waits, *, speed: float = 0.5, until: float = 60.0) -> None:
    """Have the lab's tasks take long, until the service has waited for so many seconds."""

    async def hurry() -> None:
        site.lab.clock.run_at(SPEED)

    site.lab.clock.run_at(speed)
    waits.at(until, hurry)


class Sweeps:
    """The sweeper beside that service; orphans are ripe at their second sighting."""

    def __init__(self, service: Service) -> None:
        self._service = service
        self.tools = SweepTools(
            hypervisor=service.hypervisor,
            ledger=SqlLedger(service.sessions),
            install=service.tools.install,
            vmids=lambda: range(FIRST, FIRST + 100),
            rules=Rules(age=timedelta(0)),
        )

    async def sweep(self, *, hours: float = 0) -> SweepReport:
        """Sweep as it will be done in so many hours."""
        at = datetime.now(UTC) + timedelta(hours=hours)
        return await sweep(work=self._service.work, tools=replace(self.tools, now=lambda: at))


@pytest.fixture
def sweeps(service: Service) -> Sweeps:
    return Sweeps(service)
