"""All faults at work: which of them strike on an occasion."""

import itertools
import re
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from proxmox_lab.faults.dice import chance
from proxmox_lab.faults.rule import FaultRule, Scope

NOBODY: Final = 0  # whose dice are thrown where no machine is concerned


@dataclass(frozen=True, slots=True, kw_only=True)
class Occasion:
    """A request, a task or a guest's doing that a fault may wait for."""

    scope: Scope
    verb: str = ""
    path: str = ""
    task: str = ""
    node: str | None = None
    machines: tuple[int, ...] = ()  # a clone's: the source, then the new one

    @property
    def machine(self) -> int:
        """The machine whose dice are thrown."""
        return self.machines[-1] if self.machines else NOBODY


class Fault:
    """One rule at work."""

    def __init__(self, id: str, rule: FaultRule, now: Callable[[], float]) -> None:
        self.id = id
        self.rule = rule
        self.hits = 0
        self.seen = 0
        self._now = now
        self._turns: Counter[int] = Counter()
        self._since: float | None = None

    @property
    def is_over(self) -> bool:
        """Tell whether its time is up."""
        lasts = self.rule.lasts
        if lasts is None or self._since is None:
            return False
        return self._now() - self._since >= lasts

    def fits(self, occasion: Occasion) -> bool:
        """Tell whether this is what the rule waits for."""
        rule = self.rule
        return (
            rule.scope is occasion.scope
            and (rule.machine is None or rule.machine in occasion.machines)
            and rule.node in (None, occasion.node)
            and re.fullmatch(rule.method, occasion.verb, re.IGNORECASE) is not None
            and re.search(rule.path, occasion.path) is not None
            and re.fullmatch(rule.task, occasion.task) is not None
        )

    def strike(self, occasion: Occasion) -> "Strike | None":
        """Decide whether it happens this time, and count it."""
        rule = self.rule
        if self.is_over or (rule.count is not None and self.hits >= rule.count):
            return None
        self.seen += 1
        if self.seen <= rule.after:
            return None
        self._turns[occasion.machine] += 1
        turn = self._turns[occasion.machine]
        if chance(rule.seed, occasion.machine, turn) >= rule.probability:
            return None
        self.hits += 1
        self._since = self._now() if self._since is None else self._since
        return Strike(self, occasion, turn)


@dataclass(frozen=True, slots=True)
class Strike:
    """A fault that strikes now, with the dice's further choices."""

    fault: Fault
    occasion: Occasion
    turn: int

    @property
    def rule(self) -> FaultRule:
        return self.fault.rule

    @property
    def status(self) -> int:
        """The status to answer with."""
        if not self.rule.statuses:
            return self.rule.status
        thrown = chance(self.rule.seed, self.occasion.machine, self.turn, throw="status")
        return self.rule.statuses[int(thrown * len(self.rule.statuses))]

    def filled(self, text: str) -> str:
        """Put machine and node into a text."""
        machine, node = str(self.occasion.machine), self.occasion.node or "pve"
        return text.replace("{machine}", machine).replace("{node}", node)


class Faults:
    """All rules, in the order they came. ``now`` counts the lab's seconds."""

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        self._now = now
        self._ids = itertools.count(1)
        self._faults: dict[str, Fault] = {}

    def keep_time(self, now: Callable[[], float]) -> None:
        """Count seconds by this clock from now on."""
        self._now = now

    def add(self, rule: FaultRule) -> Fault:
        """Put a rule to work."""
        fault = Fault(f"fault-{next(self._ids)}", rule, self._now)
        self._faults[fault.id] = fault
        return fault

    def remove(self, id: str | None) -> int:
        """Take a rule away, or all of them; returns how many went."""
        if id is not None:
            return 0 if self._faults.pop(id, None) is None else 1
        gone = len(self._faults)
        self._faults.clear()
        return gone

    def all(self) -> list[Fault]:
        """Return every rule with its hits."""
        return list(self._faults.values())

    def striking(self, occasion: Occasion) -> list[Strike]:
        """Return what strikes on this occasion, in the order of the rules."""
        if not self._faults:
            return []
        strikes = (fault.strike(occasion) for fault in self.all() if fault.fits(occasion))
        return [strike for strike in strikes if strike is not None]
