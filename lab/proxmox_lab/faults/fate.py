"""What the faults hold ready for one task, before its work begins."""

from proxmox_lab.faults.faults import Faults, Occasion, Strike
from proxmox_lab.faults.rule import Scope
from proxmox_lab.faults.stranger import settle_stranger
from proxmox_lab.refusal import Refusal
from proxmox_lab.site.site import Site
from proxmox_lab.site.store import Store
from proxmox_lab.tasks.task import Task


async def trouble(faults: Faults, site: Site, store: Store, task: Task) -> None:
    """Let happen what strikes this task; a failure is raised as the task's own."""
    for strike in faults.striking(_occasion(task)):
        for line in strike.rule.lines:
            task.say(strike.filled(line))
        if strike.rule.seconds:
            await task.spend(strike.rule.seconds)
        if strike.rule.action == "race" and task.machine is not None:
            settle_stranger(site, store, task.machine, node=task.upid.node)
        _befall(task, strike)


def _befall(task: Task, strike: Strike) -> None:
    rule = strike.rule
    if rule.action == "warn":
        for _ in range(rule.warnings):
            task.warn(strike.filled(rule.text))
    if rule.action == "die":
        task.is_doomed, task.lives_longer = True, rule.late
    if rule.action == "fail":
        raise Refusal(strike.filled(rule.text))


def _occasion(task: Task) -> Occasion:
    subject = [int(task.upid.id)] if task.upid.id.isdigit() else []
    worked_on = [] if task.machine is None else [task.machine]
    return Occasion(
        scope=Scope.TASK,
        task=task.upid.type,
        node=task.upid.node,
        machines=tuple(dict.fromkeys(subject + worked_on)),
    )
