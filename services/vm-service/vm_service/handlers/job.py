"""One machine under work, and everything that is recorded of it.

Every transaction here is fenced by the worker's lease. Only the handlers of requests write to
the record besides us, and all they do is to turn a machine to something else.
"""

from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import timedelta

from vm_service.domain.machine import Machine, given_up, moved_on
from vm_service.domain.ownership import Mark, Sighting, Standing, by_hand, standing
from vm_service.domain.program import CHANGES, Kind, PowerState
from vm_service.domain.sentences import ending
from vm_service.domain.telling import Entry, announcement, begin, step_changed
from vm_service.domain.trouble import Trouble, Verdict
from vm_service.domain.vm import Order
from vm_service.handlers.tools import Tools
from vm_service.ports import UnitOfWork, Work

Change = Callable[[Work, Machine], Awaitable[Machine]]


class Overtaken(Exception):
    """The record has moved on without us: look at it again before doing anything."""


def keeping(**fields: object) -> Change:
    """Return the change that sets these fields and nothing else."""

    async def change(_tx: Work, machine: Machine) -> Machine:
        return replace(machine, **fields)

    return change


@dataclass(slots=True, kw_only=True)
class Job:
    """A machine whose next step has begun."""

    machine: Machine
    work: UnitOfWork
    tools: Tools
    attended: float = float("-inf")  # when the record was last looked at

    @property
    def step(self) -> str:
        """Name of the step that runs."""
        assert self.machine.step is not None
        return self.machine.step

    @property
    def mark(self) -> Mark:
        """How the machine's VM is known to be ours."""
        machine = self.machine
        return Mark(
            install=self.tools.install,
            server_id=machine.server_id,
            operation_id=machine.made_by,
        )

    @property
    def order(self) -> Order:
        """The VM as it is to be made, or to be from now on."""
        node, vmid = self.machine.place
        spec = self.machine.wanted
        home, net = self.machine.home, self.machine.net
        assert home is not None
        if net is None:
            text = f"no network holds the server's address {self.machine.address}"
            raise Trouble(Verdict.REFUSED, text, "put it back into the hypervisor's settings")
        return Order(
            vmid=vmid,
            place=replace(home, node=node),
            name=spec.name,
            description=self.mark.describe(spec),
            plan=spec.plan,
            net=net,
            cpu_type=spec.cpu_type,
            onboot=True if self.machine.kind is Kind.DEPLOY else None,
        )

    @property
    def is_late(self) -> bool:
        """Tell whether a change has used up its time; a deployment's end the gateway decides."""
        deadline = self.machine.deadline if self.machine.kind in CHANGES else None
        return deadline is not None and self.tools.now() >= deadline

    def age(self) -> timedelta:
        """How long the step has been going on, restarts included."""
        assert self.machine.since is not None
        return self.tools.now() - self.machine.since

    async def sight(self) -> tuple[Standing, Sighting | None]:
        """Look at what the VM id holds, and judge it."""
        sighting = await self.tools.hypervisor.look(*self.machine.place)
        return standing(sighting, self.mark), sighting

    @asynccontextmanager
    async def _entry(self) -> AsyncGenerator[tuple[Work, Entry]]:
        """Open an entry; it is committed with all it says, or not at all."""
        async with self.work() as tx:
            current = await tx.machines.get(self.machine.server_id)
            if current.errand != self.machine.errand:
                raise Overtaken
            entry = Entry(current)
            yield tx, entry
            await tx.machines.save(entry.machine)
            await tx.outbox.add(*entry.messages())
        self.machine, self.attended = entry.machine, self.tools.clock()

    async def succeed(self, change: Change) -> None:
        """Record the end of the step together with the beginning of the next, or the outcome."""
        async with self._entry() as (tx, entry):
            step = self.step
            entry.machine = await change(tx, entry.machine)
            entry.line(step, ending(step, entry.machine))
            entry.facts.append(step_changed(entry.machine, step, "succeeded"))
            entry.machine = moved_on(entry.machine)
            begin(entry, at=self.tools.now())
            self._announce(entry)

    async def fail(self, trouble: Trouble, *, power: PowerState) -> None:
        """Record that the step cannot be done, and why; and how the VM stands now."""
        async with self._entry() as (_, entry):
            remedy = trouble.remedy or self._by_hand()
            entry.line(self.step, f"Failed: {trouble.text}", level="error")
            if remedy:
                entry.line(self.step, f"What helps: {remedy}", level="error")
            detail = trouble.text
            entry.facts.append(step_changed(entry.machine, self.step, "failed", detail=detail))
            entry.machine = given_up(entry.machine, reason=trouble.text, remedy=remedy)
            entry.machine = replace(entry.machine, power=power)
            self._announce(entry)

    async def retry(self, trouble: Trouble, *, pause: float, aloud: bool) -> None:
        """Record that the step is tried again, and why; aloud if people should read it."""
        async with self._entry() as (_, entry):
            if aloud:
                text = f"Not yet ({trouble.verdict}): {trouble.text}; trying again in {pause:.1f} s"
                entry.line(self.step, text, level="warning")
            entry.machine = replace(entry.machine, attempt=entry.machine.attempt + 1)
            entry.facts.append(
                step_changed(entry.machine, self.step, "running", detail=trouble.text)
            )

    async def start_over(self, text: str, back: Change) -> None:
        """Go back to reserving, as the change says; tell why."""
        async with self._entry() as (tx, entry):
            entry.line(self.step, text, level="warning")
            entry.machine = await back(tx, entry.machine)
            begin(entry, at=self.tools.now())

    async def remark(self, *warnings: str) -> None:
        """Write warnings into the operation's log."""
        async with self._entry() as (_, entry):
            for text in warnings:
                entry.line(self.step, text, level="warning")

    async def progress(self, share: float) -> None:
        """Tell how far the step has come."""
        async with self._entry() as (_, entry):
            entry.facts.append(step_changed(entry.machine, self.step, "running", progress=share))

    async def note(self, **fields: object) -> None:
        """Record what was found out or is about to be done, in the middle of the step."""
        async with self._entry() as (_, entry):
            entry.machine = replace(entry.machine, **fields)

    async def check(self) -> None:
        """Raise ``Overtaken`` if the record has moved on."""
        async with self.work() as tx:
            current = await tx.machines.get(self.machine.server_id)
        if current.errand != self.machine.errand:
            raise Overtaken

    async def keep_task(self, task: str | None) -> None:
        """Remember the step's task; even a job that was overtaken must not forget it."""
        async with self.work() as tx:
            current = await tx.machines.get(self.machine.server_id)
            is_current = current.errand == self.machine.errand
            field = "task" if is_current or not current.owned else "leftover"
            current = replace(current, **{field: task})
            await tx.machines.save(current)
        if not is_current:
            raise Overtaken
        self.machine = current

    def _announce(self, entry: Entry) -> None:
        fact = announcement(entry.machine, tofu=self.tools.tofu)
        if fact is not None:
            entry.facts.append(fact)

    def _by_hand(self) -> str | None:
        """Return the command that removes what we cannot remove, if it was ever seen to be ours."""
        machine = self.machine
        if not (machine.is_being_removed and machine.owned):
            return None
        return by_hand(*machine.place, bake=machine.is_bake)
