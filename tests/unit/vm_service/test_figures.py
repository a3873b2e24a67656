"""What VMs use is shown of our servers that run, and of nothing else."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import cast

import pytest
from prometheus_client import REGISTRY

from common.contracts.base import now
from vm_service.adapters.proxmox.agent import ProxmoxAgent
from vm_service.adapters.proxmox.census import ProxmoxCensus
from vm_service.adapters.proxmox.client import Client
from vm_service.domain.figures import Figure, Usage
from vm_service.domain.orphans import Life, Record
from vm_service.domain.trouble import Trouble, Verdict
from vm_service.handlers.figures import DISKS_EVERY, EVERY, Meter
from vm_service.ports import Ledger

GIB = 2**30


@dataclass
class World:
    """A cluster that is looked at, and the records of our servers."""

    running: dict[int, float] = field(default_factory=lambda: {101: 0.5, 102: 0.1, 999: 0.9})
    lives: dict[int, Life] = field(default_factory=lambda: {101: Life.LIVING, 102: Life.LIVING})
    away: bool = False
    silent: bool = False
    disks_read: int = 0
    seconds: float = 0.0

    async def figures(self) -> Sequence[Figure]:
        if self.away:
            raise Trouble(Verdict.UNKNOWN, "no answer")
        return [
            Figure(vmid=vmid, node="pve", cpu=cpu, memory=GIB, max_memory=2 * GIB)
            for vmid, cpu in self.running.items()
        ]

    async def guest_disk(self, node: str, vmid: int) -> Usage:
        self.disks_read += 1
        if self.silent:
            raise Trouble(Verdict.NOT_YET, "the agent is silent")
        return Usage(used=vmid, total=10 * GIB)

    async def records(self) -> Sequence[Record]:
        return [
            Record(server_id=f"srv_{vmid}", vmid=vmid, node="pve", life=life, since=now())
            for vmid, life in self.lives.items()
        ]


@pytest.fixture
def world() -> World:
    return World()


@pytest.fixture
def meter(world: World) -> Meter:
    return Meter(instruments=world, ledger=cast("Ledger", world), clock=lambda: world.seconds)


async def look(meter: Meter) -> None:
    await meter.go_round()
    await meter.read_disks()


def shown(name: str, vmid: int) -> float | None:
    return REGISTRY.get_sample_value(f"spawnyard_guest_{name}", {"server": f"srv_{vmid}"})


async def test_our_servers_that_run_are_shown_and_no_others(world: World, meter: Meter):
    world.lives[103] = Life.LIVING  # it is off
    world.lives[102] = Life.BLOCKED

    await look(meter)

    assert shown("cpu_ratio", 101) == 0.5
    assert (shown("memory_bytes", 101), shown("memory_max_bytes", 101)) == (GIB, 2 * GIB)
    assert (shown("disk_used_bytes", 101), shown("disk_max_bytes", 101)) == (101, 10 * GIB)
    assert [shown("cpu_ratio", vmid) for vmid in (102, 103, 999)] == [None] * 3


async def test_what_is_stopped_is_not_shown_any_more(world: World, meter: Meter):
    await look(meter)
    del world.running[101]

    await look(meter)

    names = ("cpu_ratio", "memory_bytes", "memory_max_bytes", "disk_used_bytes", "disk_max_bytes")
    assert [shown(name, 101) for name in names] == [None] * 5
    assert shown("cpu_ratio", 102) == 0.1


async def test_guests_are_asked_for_their_disks_seldom(world: World, meter: Meter):
    while world.seconds <= DISKS_EVERY:
        await look(meter)
        world.seconds += EVERY

    assert world.disks_read == 2 * 2


async def test_a_silent_agent_hides_the_disk_alone(world: World, meter: Meter):
    await look(meter)
    world.silent, world.seconds = True, DISKS_EVERY

    await look(meter)

    assert shown("disk_used_bytes", 101) is None
    assert shown("cpu_ratio", 101) == 0.5


async def test_while_the_hypervisor_is_away_no_old_figures_are_shown(world: World, meter: Meter):
    await look(meter)
    world.away = True
    await look(meter)
    assert shown("cpu_ratio", 101) is None

    world.away = False
    await look(meter)
    assert shown("cpu_ratio", 101) == 0.5


async def test_whoever_stops_reading_shows_nothing_any_more(world: World):
    async def stop(_: float) -> None:
        assert shown("cpu_ratio", 101) == 0.5
        raise RuntimeError("the lease is lost")

    meter = Meter(instruments=world, ledger=cast("Ledger", world), clock=lambda: 0.0, sleep=stop)
    with pytest.raises(RuntimeError):
        await meter.keep_reading()

    assert shown("cpu_ratio", 101) is None


async def test_guests_whose_agents_are_slow_keep_no_other_figure_from_being_shown(world: World):
    never, rounds = asyncio.Event(), 0

    async def slow(node: str, vmid: int) -> Usage:
        world.disks_read += 1
        await never.wait()
        return Usage(used=1, total=1)

    async def sleep(_: float) -> None:
        nonlocal rounds
        await asyncio.sleep(0)
        rounds += 1
        if rounds > 5:
            raise RuntimeError("enough")

    world.guest_disk = slow
    meter = Meter(instruments=world, ledger=cast("Ledger", world), clock=lambda: 0.0, sleep=sleep)

    async with asyncio.timeout(5):
        with pytest.raises(RuntimeError, match="enough"):
            await meter.keep_reading()

    assert world.disks_read == 1  # one after the other: who boots is asked before a crowd of them


async def test_of_a_server_that_has_gone_meanwhile_no_disk_is_shown(world: World, meter: Meter):
    await meter.go_round()

    async def gone(node: str, vmid: int) -> Usage:
        world.running.clear()
        await meter.go_round()
        return Usage(used=1, total=1)

    world.guest_disk = gone

    await meter.read_disks()

    assert shown("disk_used_bytes", 101) is None


@dataclass
class Api:
    """Proxmox, with one answer."""

    answer: object

    async def get(self, path: str, **query: object) -> object:
        return self.answer


async def test_proxmox_lists_them_in_one_answer():
    listed = [
        {"type": "qemu", "vmid": 101, "node": "pve", "status": "running", "cpu": 0.25,
         "mem": 5, "maxmem": 10},
        {"type": "qemu", "vmid": 102, "node": "pve", "status": "stopped", "cpu": 0, "mem": 0},
        {"type": "qemu", "vmid": 103, "node": "pve", "status": "unknown"},
        {"type": "lxc", "vmid": 104, "node": "pve", "status": "running"},
    ]  # fmt: skip
    census = ProxmoxCensus(cast("Client", Api(listed)), url="https://pve.example:8006")

    assert await census.figures() == [
        Figure(vmid=101, node="pve", cpu=0.25, memory=5, max_memory=10)
    ]


async def test_the_agent_tells_how_full_the_root_is():
    mounted = [
        {"mountpoint": "/boot", "total-bytes": 1, "used-bytes": 1},
        {"mountpoint": "/", "total-bytes": 9, "used-bytes": 4, "type": "ext4", "disk": []},
    ]
    agent = ProxmoxAgent(cast("Client", Api({"result": mounted})))

    assert await agent.guest_disk("pve", 101) == Usage(used=4, total=9)


@pytest.mark.parametrize(
    "answer",
    [
        {"result": []},
        {"result": [{"mountpoint": "/"}]},
        {"result": {"error": {"desc": "Command guest-get-fsinfo has been disabled"}}},
        None,
    ],
)
async def test_an_agent_that_does_not_tell_is_silent(answer: object):
    agent = ProxmoxAgent(cast("Client", Api(answer)))

    with pytest.raises(Trouble):
        await agent.guest_disk("pve", 101)
