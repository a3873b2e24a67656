"""A world for the vm-service: a memory that rolls back, and a hypervisor that can be cut off."""

import asyncio
import copy
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from ipaddress import IPv4Address, IPv4Network
from typing import TypeVar

from common.contracts.base import Event, Message
from common.contracts.hypervisor import Network
from common.contracts.logs import LogBatch
from common.contracts.servers import Endpoint, Plan, Port, PublishedPort, ServerSpec
from vm_service.domain.machine import Machine
from vm_service.domain.network import AddressBook, VmidRange
from vm_service.domain.ownership import Disk, Sighting
from vm_service.domain.placement import Place
from vm_service.domain.program import Stage
from vm_service.domain.promises import Load, Share, loads
from vm_service.domain.survey import Node, Room, Survey, Template, Wishes
from vm_service.domain.trouble import Trouble, Verdict, judge
from vm_service.domain.vm import Listed, Order, Power, Snapshot, TaskState, is_of_snapshot
from vm_service.handlers.tools import Tools
from vm_service.handlers.turns import Turns

INSTALL = "test"
GIB = 2**30
HOST_KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4f"
NETWORK = Network(subnet=IPv4Network("10.77.0.0/16"), gateway=IPv4Address("10.77.0.1"))
START = datetime(2026, 1, 1, tzinfo=UTC)

SPEC = ServerSpec(
    name="lobby",
    game="some-game",
    game_version="1",
    plan=Plan(name="small", cores=2, memory_mib=2048, disk_gib=8),
    ports=(Port(name="game", protocol="udp", number=30000),),
)


E = TypeVar("E", bound=Event)


class Killed(Exception):
    """The process died here."""


# -- the memory ------------------------------------------------------------------------


@dataclass(slots=True)
class FakeMachines:
    rows: dict[str, Machine] = field(default_factory=dict)
    burnt: dict[int, str] = field(default_factory=dict)
    newest: int | None = None
    vmids: VmidRange = field(default_factory=lambda: VmidRange(first=900_000, last=900_099))
    network: Network = NETWORK

    async def find(self, server_id: str) -> Machine | None:
        return self.rows.get(server_id)

    async def get(self, server_id: str) -> Machine:
        return self.rows[server_id]

    async def add(self, machine: Machine) -> None:
        assert machine.server_id not in self.rows
        self.rows[machine.server_id] = machine

    async def save(self, machine: Machine) -> None:
        assert machine.server_id in self.rows
        self.rows[machine.server_id] = machine

    async def reserve(self, machine: Machine, *, avoid: AbstractSet[str] = frozenset()) -> Machine:
        living = [row for row in self.rows.values() if row.stage is not Stage.GONE]
        vmid = machine.vmid or self.vmids.pick(
            newest=self.newest, taken={row.vmid for row in living if row.vmid} | set(self.burnt)
        )
        self.newest = max(vmid, self.newest or vmid)
        taken = await self.addresses(but=machine.server_id)
        net = AddressBook((self.network,)).assign(hint=vmid, taken=taken | avoid)
        address = str(net.address.ip) if net.address else None
        return replace(machine, vmid=vmid, net=net, address=address)

    async def used(self, *, but: str) -> Mapping[str, Load]:
        living = [row for row in self.rows.values() if row.stage is not Stage.GONE]
        return loads(_share(row) for row in living if row.node and row.server_id != but)

    async def addresses(self, *, but: str) -> AbstractSet[str]:
        living = [row for row in self.rows.values() if row.stage is not Stage.GONE]
        return {row.address for row in living if row.address and row.server_id != but}

    async def templates(self, *, game: str, recipe: str) -> Sequence[Machine]:
        rows = [row for row in self.rows.values() if row.stage is Stage.TEMPLATE and row.spec]
        return [r for r in rows if r.spec and (r.spec.game, r.spec.recipe) == (game, recipe)]

    async def cloned_from(self, vmid: int) -> Sequence[str]:
        living = [row for row in self.rows.values() if row.stage is not Stage.GONE]
        linked = [row for row in living if row.home and not row.home.full]
        return sorted(r.server_id for r in linked if r.home and r.home.template == vmid)

    async def burn(self, vmid: int, *, reason: str) -> None:
        self.burnt[vmid] = reason


def _share(machine: Machine) -> Share:
    assert machine.node is not None
    return Share(
        node=machine.node,
        kind=machine.kind,
        stage=machine.stage,
        power=machine.power,
        machines=1,
        memory=machine.spec.plan.memory_mib if machine.spec else 0,
    )


@dataclass(slots=True)
class FakeInbox:
    claimed: set[str] = field(default_factory=set)

    async def claim(self, message_id: str) -> bool:
        if message_id in self.claimed:
            return False
        self.claimed.add(message_id)
        return True


@dataclass(slots=True)
class FakeOutbox:
    messages: list[Message] = field(default_factory=list)

    async def add(self, *messages: Message) -> None:
        self.messages.extend(messages)


class FakeMemory:
    """A unit of work that is one transaction: all of it, or none."""

    def __init__(self) -> None:
        self.machines = FakeMachines()
        self.inbox = FakeInbox()
        self.outbox = FakeOutbox()
        self.fence: Callable[[], None] = lambda: None
        self.before_commit: Callable[[], None] = lambda: None

    @asynccontextmanager
    async def __call__(self) -> AsyncGenerator["FakeMemory"]:
        self.fence()
        before = copy.deepcopy((self.machines, self.inbox, self.outbox))
        try:
            yield self
            self.before_commit()
        except BaseException:
            self.machines, self.inbox, self.outbox = before
            raise

    def facts(self, kind: type[E]) -> list[E]:
        return [message for message in self.outbox.messages if isinstance(message, kind)]

    def lines(self) -> list[str]:
        batches = [m for m in self.outbox.messages if isinstance(m, LogBatch)]
        return [line.text for batch in batches for line in batch.lines]

    def line_keys(self) -> list[tuple[str, str]]:
        batches = [m for m in self.outbox.messages if isinstance(m, LogBatch)]
        return [(batch.stream_id, line.key) for batch in batches for line in batch.lines]


# -- time ------------------------------------------------------------------------------


class FakeTime:
    """Sleeping is free; every sleep may be used to let something happen."""

    def __init__(self) -> None:
        self.seconds = 0.0
        self.on_sleep: Callable[[float], None] = lambda _: None

    async def sleep(self, seconds: float) -> None:
        self.seconds += seconds
        self.on_sleep(self.seconds)
        await asyncio.sleep(0)

    def clock(self) -> float:
        return self.seconds

    def now(self) -> datetime:
        return START + timedelta(seconds=self.seconds)


# -- the hypervisor --------------------------------------------------------------------


@dataclass(slots=True)
class FakeSnapshot:
    description: str
    world: str
    state: str | None = None


@dataclass(slots=True)
class FakeVM:
    description: str
    lock: str | None = None
    running: bool = False
    disk: int = 2 * GIB
    hidden: bool = False
    address: str | None = None
    configured: int = 0
    listens: bool = True  # to a request to switch itself off
    booted: float = 0.0  # when it was switched on
    wakes: float | None = None  # when Proxmox switches it on again, after a reboot
    pending: bool = False  # changes wait for a restart
    cores: int = 0
    resets: int = 0
    paused: bool = False
    onboot: bool = False
    template: bool = False
    base: bool = False  # its disk is one that others can rest on
    cloned_from: int = 0
    ssh_key: str | None = None
    world: str = "old"  # what its disk holds
    snapshots: dict[str, FakeSnapshot] = field(default_factory=dict)


@dataclass(slots=True)
class FakeKeys:
    """The provisioner's part: silent for so many questions first."""

    silent_for: int = 0
    rows: dict[str, str] = field(default_factory=dict)

    async def public(self, server_id: str, *, make: bool) -> str | None:
        if self.silent_for > 0:
            self.silent_for -= 1
            raise Trouble(Verdict.BUSY, "waiting for the server's SSH key: nobody is there")
        if make:
            self.rows.setdefault(server_id, f"{HOST_KEY} {server_id}")
        return self.rows.get(server_id)


@dataclass(slots=True)
class FakeTask:
    kind: str
    vmid: int
    polls: int
    outcome: str = "OK"
    effect: Callable[[], None] = lambda: None

    def poll(self) -> bool:
        """Return whether it runs; it takes effect as it ends."""
        if self.polls > 0:
            self.polls -= 1
            return True
        if self.polls == 0:
            self.polls = -1
            if self.outcome == "OK" or self.outcome.startswith("WARNINGS"):
                self.effect()
        return False


class FakeHypervisor:
    """Proxmox as far as the port shows it, on which every call can be cut off."""

    def __init__(self) -> None:
        self.vms: dict[int, FakeVM] = {}
        self.tasks: dict[str, FakeTask] = {}
        self.calls: list[str] = []
        self.before: Callable[[str], None] = lambda _: None
        self.after: Callable[[str], None] = lambda _: None
        self.clone_polls = 2
        self.clone_outcomes: list[str] = []
        self.refused_sources: dict[int, str] = {}  # templates that cannot be cloned, and why
        self.clones_made = 0
        self.agent_silent_for = 2
        self.host_key = HOST_KEY + " root@guest\n"
        self.set_up: bool | None = True  # what the guest says of its cloud-init
        self.node = "pve"
        self.wishes = Wishes()
        self.memory: Room | None = None  # of its only node; none: hidden from us
        self.clock: Callable[[], float] = lambda: 0.0
        self.snapshot_outcomes: list[str] = []  # of tasks of snapshots, in turn
        self.template_outcomes: list[str] = []  # of tasks that make templates, in turn
        self.guest_polls = 1  # of a task that waits for the guest

    @asynccontextmanager
    async def _call(self, name: str) -> AsyncGenerator[None]:
        self.calls.append(name)
        self.before(name)
        await asyncio.sleep(0)
        yield
        self.after(name)

    def _new_task(self, kind: str, vmid: int, **kw) -> str:
        upid = f"UPID:{self.node}:{len(self.tasks):08X}:0:0:{kind}:{vmid}:yard@pve!test:"
        self.tasks[upid] = FakeTask(kind, vmid, **kw)
        return upid

    async def survey(self) -> tuple[Survey, Wishes]:
        async with self._call("survey"):
            node = Node(name=self.node, memory=self.memory)
            template = Template(vmid=9000, node=self.node)
            return Survey(nodes=(node,), templates=(template,)), self.wishes

    async def look(self, node: str, vmid: int) -> Sighting | None:
        async with self._call("look"):
            vm = self.vms.get(vmid)
            if vm is None:
                return None
            if vm.hidden:
                return Sighting(node=node, hidden=True)
            return Sighting(
                node=node,
                description="" if vm.lock == "clone" else vm.description,
                lock=vm.lock,
                disk=Disk(name="scsi0", size=vm.disk, base=vm.base),
                onboot=vm.onboot,
                template=vm.template,
            )

    async def clone(self, order: Order) -> str:
        async with self._call("clone"):
            if order.vmid in self.vms:
                raise judge(
                    f"unable to create VM {order.vmid}: config file already exists", status=500
                )
            if refusal := self.refused_sources.get(order.place.template):
                raise judge(refusal, status=500)
            address = str(order.net.address.ip) if order.net.address else "10.77.9.9"
            self.vms[order.vmid] = FakeVM(
                order.description,
                lock="clone",
                address=address,
                cloned_from=order.place.template,
            )
            self.clones_made += 1
            outcome = self.clone_outcomes.pop(0) if self.clone_outcomes else "OK"
            if outcome != "OK" and not outcome.startswith(("WARNINGS", "unexpected")):
                del self.vms[order.vmid]
                self.clones_made -= 1

            def finish() -> None:
                self.vms[order.vmid].lock = None

            return self._new_task(
                "qmclone", order.vmid, polls=self.clone_polls, outcome=outcome, effect=finish
            )

    async def find_clone(self, place: Place, vmid: int, *, since: datetime) -> str | None:
        async with self._call("find_clone"):
            for upid, task in reversed(self.tasks.items()):
                fine = task.outcome in {"OK", "unexpected status"}
                if task.kind == "qmclone" and task.vmid == vmid and fine:
                    return upid
            return None

    async def task(self, upid: str, *, with_progress: bool = False) -> TaskState:
        async with self._call("task"):
            if upid not in self.tasks:
                raise judge("no such task", status=400)
            task = self.tasks[upid]
            if task.poll():
                return TaskState(running=True, progress=0.5 if with_progress else None)
            if task.outcome == "OK":
                return TaskState(running=False)
            if task.outcome.startswith("WARNINGS"):
                return TaskState(running=False, warnings=("WARN: something small",))
            return TaskState(running=False, failed=task.outcome)

    async def abort(self, upid: str) -> None:
        async with self._call("abort"):
            task = self.tasks[upid]
            if task.polls >= 0:
                task.polls, task.outcome = -1, "interrupted by signal"
                if task.kind == "qmclone":
                    self.vms.pop(task.vmid, None)
                    self.clones_made -= 1

    async def configure(self, order: Order, sighting: Sighting) -> str | None:
        async with self._call("configure"):
            vm = self._vm(order.vmid)
            vm.description, vm.configured = order.description, vm.configured + 1
            vm.pending = vm.running and vm.cores != order.plan.cores
            vm.cores = order.plan.cores
            vm.ssh_key = order.ssh_key
            vm.onboot = vm.onboot if order.onboot is None else order.onboot
            return self._new_task("qmconfig", order.vmid, polls=0)

    async def grow(self, order: Order, sighting: Sighting) -> str | None:
        async with self._call("grow"):
            vm, wanted = self._vm(order.vmid), order.plan.disk_gib * GIB
            if vm.disk >= wanted:
                return None
            vm.disk = wanted
            return self._new_task("resize", order.vmid, polls=0)

    async def start(self, node: str, vmid: int) -> str:
        async with self._call("start"):
            vm = self._vm(vmid)
            outcome = f"VM {vmid} already running" if vm.running else "OK"
            if not vm.running:
                self._boot(vm)
            return self._new_task("qmstart", vmid, polls=1, outcome=outcome)

    async def power(self, node: str, vmid: int, *, with_changes: bool = False) -> Power:
        async with self._call("power"):
            vm = self._vm(vmid)
            if vm.wakes is not None and self.clock() >= vm.wakes and not vm.running:
                self._boot(vm)
            uptime = self.clock() - vm.booted if vm.running else 0.0
            waiting = with_changes and vm.pending
            return Power(running=vm.running, uptime=uptime, restart_needed=waiting, lock=vm.lock)

    async def shutdown(self, node: str, vmid: int, *, timeout: int) -> str:
        async with self._call("shutdown"):
            return self._ask_guest("qmshutdown", vmid)

    async def stop(self, node: str, vmid: int) -> str:
        async with self._call("stop"):
            vm = self._vm(vmid)
            for task in self._running(vmid, "qmshutdown"):  # overruled
                task.polls, task.outcome = -1, "interrupted by signal"
            if [task for task in self._running(vmid, "qmreboot") if task.poll()]:
                text = f"can't lock file '/var/lock/qemu-server/lock-{vmid}.conf' - got timeout"
                return self._new_task("qmstop", vmid, polls=0, outcome=text)
            vm.running, vm.pending = False, False
            return self._new_task("qmstop", vmid, polls=0)

    async def reboot(self, node: str, vmid: int, *, timeout: int) -> str:
        async with self._call("reboot"):
            if not self._vm(vmid).running:
                raise judge(f"VM {vmid} not running", status=500)
            return self._ask_guest("qmreboot", vmid)

    async def snapshots(self, node: str, vmid: int) -> Sequence[Snapshot]:
        async with self._call("snapshots"):
            return [
                Snapshot(name=name, description=one.description, state=one.state)
                for name, one in self._vm(vmid).snapshots.items()
            ]

    async def snapshot(self, node: str, vmid: int, *, name: str, description: str) -> str:
        async with self._call("snapshot"):
            vm = self._vm(vmid)

            def make() -> None:
                vm.snapshots[name] = FakeSnapshot(description, vm.world)

            text = f"snapshot name '{name}' already used" if name in vm.snapshots else None
            return self._about_snapshots("qmsnapshot", vmid, make, text)

    async def rollback(self, node: str, vmid: int, *, name: str) -> str:
        async with self._call("rollback"):
            vm = self._vm(vmid)

            def go_back() -> None:
                assert not vm.running, "it would have to be stopped first"
                vm.world = vm.snapshots[name].world

            text = None if name in vm.snapshots else f"snapshot '{name}' does not exist"
            return self._about_snapshots("qmrollback", vmid, go_back, text)

    async def delete_snapshot(self, node: str, vmid: int, *, name: str) -> str:
        async with self._call("delete_snapshot"):
            vm = self._vm(vmid)
            text = None if name in vm.snapshots else f"snapshot '{name}' does not exist"
            return self._about_snapshots(
                "qmdelsnapshot", vmid, lambda: vm.snapshots.pop(name, None), text
            )

    def _about_snapshots(
        self, kind: str, vmid: int, effect: Callable[[], object], text: str | None
    ) -> str:
        """Start a task that has its effect and lifts its lock as it ends."""
        for task in self.tasks.values():  # they go on whether or not anybody asks
            if task.vmid == vmid and is_of_snapshot(f":{task.kind}:"):
                task.poll()
        vm, lock = self._vm(vmid), kind.removeprefix("qm").replace("dels", "s")
        if vm.lock:
            return self._new_task(kind, vmid, polls=0, outcome=f"VM is locked ({vm.lock})")
        outcome = text or (self.snapshot_outcomes.pop(0) if self.snapshot_outcomes else "OK")
        if outcome == "OK":
            vm.lock = lock

        def finish() -> None:
            effect()
            vm.lock = None

        return self._new_task(kind, vmid, polls=2, outcome=outcome, effect=finish)

    async def set_onboot(self, node: str, vmid: int, *, on: bool) -> str | None:
        async with self._call("set_onboot"):
            self._vm(vmid).onboot = on
            return self._new_task("qmconfig", vmid, polls=0)

    async def make_template(self, node: str, vmid: int) -> str | None:
        async with self._call("make_template"):
            vm = self._vm(vmid)
            if vm.running:
                raise judge("you can't convert a VM to template if VM is running", status=500)
            if vm.template:
                raise judge("you can't convert a template to a template", status=500)

            def become() -> None:
                vm.base = True

            vm.template = True  # Proxmox says so first, whatever becomes of the disks
            outcome = self.template_outcomes.pop(0) if self.template_outcomes else "OK"
            return self._new_task("qmtemplate", vmid, polls=2, outcome=outcome, effect=become)

    async def reset(self, node: str, vmid: int) -> str:
        async with self._call("reset"):
            vm = self._vm(vmid)
            if not vm.running:
                raise judge(f"VM {vmid} not running", status=500)
            vm.resets += 1
            return self._new_task("qmreset", vmid, polls=0)

    def _boot(self, vm: FakeVM) -> None:
        vm.running, vm.booted, vm.wakes, vm.pending = True, self.clock(), None, False

    def _ask_guest(self, kind: str, vmid: int) -> str:
        """Start what waits for the guest; a reboot leaves it off for a moment."""
        vm = self._vm(vmid)
        if vm.paused:
            raise judge("VM is paused - cannot shutdown", status=500)

        def go_off() -> None:
            vm.running, vm.pending = False, False
            vm.wakes = self.clock() + 1.0 if kind == "qmreboot" else None

        outcome = "OK" if vm.listens else "VM quit/powerdown failed - got timeout"
        return self._new_task(kind, vmid, polls=self.guest_polls, outcome=outcome, effect=go_off)

    def _running(self, vmid: int, kind: str) -> list[FakeTask]:
        found = self.tasks.values()
        return [t for t in found if t.vmid == vmid and t.kind == kind and t.polls >= 0]

    async def destroy(self, node: str, vmid: int) -> str:
        async with self._call("destroy"):
            vm = self._vm(vmid)
            if vm.running:
                raise judge(f"VM {vmid} is running - destroy failed", status=500)
            if vm.lock:
                return self._new_task(
                    "qmdestroy", vmid, polls=0, outcome=f"VM is locked ({vm.lock})"
                )
            if vm.template and any(one.cloned_from == vmid for one in self.vms.values()):
                text = f"base volume 'local:{vmid}/base-{vmid}-disk-0.qcow2' is still in use by"
                return self._new_task("qmdestroy", vmid, polls=0, outcome=f"{text} linked cloned")
            del self.vms[vmid]
            return self._new_task("qmdestroy", vmid, polls=0)

    async def guest_addresses(self, node: str, vmid: int) -> Sequence[str]:
        async with self._call("guest_addresses"):
            vm = self._vm(vmid)
            if not vm.running:
                raise judge(f"VM {vmid} is not running", status=500)
            if self.agent_silent_for > 0:
                self.agent_silent_for -= 1
                raise judge("QEMU guest agent is not running", status=500)
            return ("127.0.0.1", vm.address or "")

    async def guest_host_key(self, node: str, vmid: int) -> str:
        async with self._call("guest_host_key"):
            return self.host_key

    async def guest_is_set_up(self, node: str, vmid: int) -> bool | None:
        async with self._call("guest_is_set_up"):
            return self.set_up

    async def inventory(self) -> Sequence[Listed]:
        async with self._call("inventory"):
            return [
                Listed(
                    vmid=vmid,
                    node=self.node,
                    status="running" if vm.running else "stopped",
                    lock=vm.lock,
                )
                for vmid, vm in self.vms.items()
                if not vm.hidden
            ]

    async def host_addresses(self) -> AbstractSet[str]:
        async with self._call("host_addresses"):
            return frozenset({"10.77.0.2"})

    def _vm(self, vmid: int) -> FakeVM:
        if vmid not in self.vms:
            raise Trouble(Verdict.ABSENT, f"VM {vmid} does not exist")
        return self.vms[vmid]


class FakeReach:
    async def endpoint(self, *, vmid: int, address: str, ports: Sequence[Port]) -> Endpoint:
        return Endpoint(
            address=address,
            ssh_host="127.0.0.1",
            ssh_port=2200,
            public_host="127.0.0.1",
            ports=tuple(
                PublishedPort(
                    name=p.name, protocol=p.protocol, guest_port=p.number, public_port=p.number
                )
                for p in ports
            ),
        )


class FakeWorld:
    """Everything the handlers and the worker need."""

    def __init__(self) -> None:
        self.memory = FakeMemory()
        self.hypervisor = FakeHypervisor()
        self.time = FakeTime()
        self.hypervisor.clock = self.time.clock
        self.tools = Tools(
            hypervisor=self.hypervisor,
            reach=FakeReach(),
            install=INSTALL,
            clones=Turns(2),
            sleep=self.time.sleep,
            clock=self.time.clock,
            now=self.time.now,
        )

    @property
    def machines(self) -> dict[str, Machine]:
        return self.memory.machines.rows
