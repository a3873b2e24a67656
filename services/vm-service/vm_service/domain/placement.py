"""Where a new VM goes: its node, its template and its storage. Pure; what is known comes in."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from common.contracts.servers import Plan
from vm_service.domain.promises import Load
from vm_service.domain.survey import Node, Survey, Template, Wishes
from vm_service.domain.trouble import Trouble, Verdict

UNRECORDED: Final = 0  # the template of a machine that an older version has placed

MIB: Final = 2**20
GIB: Final = 2**30
ROOM: Final = GIB  # bytes that have to be free on a storage for a disk that only grows

# How much each thing counts; shares from 0 to 1, so that sizes of nodes do not matter.
MEMORY: Final = 0.5
SPREAD: Final = 0.3
STORAGE: Final = 0.2
AT_HOME: Final = 0.01  # of two nodes alike, the template's own is nearer
MAKE: Final = (
    "create it, or name another one in the hypervisor's settings (SPAWNYARD_PROXMOX_TEMPLATE); "
    "grant VM.Audit and VM.Clone on it to the user and to its token"
)
FREE: Final = (
    "free memory or disk space, allow further nodes in the hypervisor's settings, put the "
    "template on shared storage or one on each node, or choose a smaller plan"
)
OFFLINE: Final = "offline"
UNKNOWN: Final = 0.5  # share taken for what our token may not see


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """What was decided before a VM is made. ``storage``: none means the template's own.

    A VM may be made on another node than its template's only if the storage is shared.
    ``full``: its disk is a copy; otherwise it rests on the template's. ``baked``: the template
    is one of our own, and plain ones would do as well.
    """

    node: str
    template: int
    template_node: str
    storage: str | None = None
    full: bool = False
    baked: bool = False


def prefer(baked: Sequence[Template], survey: Survey) -> Sequence[Survey]:
    """Return the survey with nothing but the templates that carry the game, if any, then as is."""
    return [replace(survey, templates=tuple(baked)), survey] if baked else [survey]


def choose_of(
    plan: Plan, surveys: Sequence[Survey], wishes: Wishes, *, used: Mapping[str, Load]
) -> Place:
    """Return the best place of the first survey that has one. Raises with the last's reasons."""
    for survey in surveys[:-1]:
        try:
            return choose(plan, survey, wishes, used=used)
        except Trouble:
            continue
    return choose(plan, surveys[-1], wishes, used=used)


def choose(plan: Plan, survey: Survey, wishes: Wishes, *, used: Mapping[str, Load]) -> Place:
    """Return the best place. ``used``: what of ours is on each node. Raises with reasons."""
    fit: list[tuple[float, Place]] = []
    reasons: dict[str, str] = {}
    for node in sorted(survey.nodes, key=lambda one: one.name):
        for place, reason in _looked_at(node, used.get(node.name, Load()), plan, survey, wishes):
            if place is None:
                reasons.setdefault(node.name, reason)
            else:
                fit.append((_score(place, plan, survey, used), place))
    if not fit:
        raise _refusal(survey, reasons)
    return max(fit, key=lambda scored: scored[0])[1]


def _looked_at(
    node: Node, load: Load, plan: Plan, survey: Survey, wishes: Wishes
) -> Iterator[tuple[Place | None, str]]:
    """Give the places a node offers, or the reasons why it offers none."""
    reason = _unfit(node, wishes) or _no_memory(node, load, plan)
    if reason is not None:
        yield None, reason
        return
    for template in survey.templates:
        reason = _out_of_reach(template, node, plan, survey, wishes)
        yield (_place(template, node, wishes), "") if reason is None else (None, reason)


def _place(template: Template, node: Node, wishes: Wishes) -> Place:
    return Place(
        node=node.name,
        template=template.vmid,
        template_node=template.node,
        storage=wishes.storage if wishes.full else None,
        full=wishes.full,
        baked=template.baked,
    )


def _unfit(node: Node, wishes: Wishes) -> str | None:
    if wishes.allowed and node.name not in wishes.allowed:
        return "not among the nodes that may be used"
    if node.name in wishes.drained:
        return "drained"
    if not node.online:
        return OFFLINE
    return None


def _no_memory(node: Node, load: Load, plan: Plan) -> str | None:
    """Tell what keeps the plan's memory from fitting.

    What is promised is not seen in the figures yet; what a VM was given it may take any time.
    """
    if node.memory is None:
        return None
    needed, promised = plan.memory_mib * MIB, load.promised * MIB
    ours = load.running * MIB + promised
    if node.memory.free - promised < needed:
        text = f"{_gib(node.memory.free)} of memory free, {_gib(needed)} needed"
        return f"{text}, {_gib(promised)} promised to VMs being started" if promised else text
    if node.memory.total - ours < needed:
        text = f"{_gib(ours)} of its {_gib(node.memory.total)} of memory are given to our VMs"
        return f"{text}, {_gib(needed)} needed"
    return None


def _out_of_reach(
    template: Template, node: Node, plan: Plan, survey: Survey, wishes: Wishes
) -> str | None:
    target = _target(template, wishes)
    if template.node != node.name:
        needed = {*template.storages, *([target] if target else [])}
        local = sorted(name for name in needed if not survey.is_shared(name))
        if local or not needed:
            where = f"on storage {local[0]!r}, which is not shared" if local else "hidden from us"
            return f"template {template.vmid} is on {template.node}, {where}"
        source = next((n for n in survey.nodes if n.name == template.node), None)
        if source is not None and not source.online:
            return f"template {template.vmid} is on {template.node}, which is offline"
    return _no_room(target, node, plan, survey, wishes) if target else None


def _no_room(target: str, node: Node, plan: Plan, survey: Survey, wishes: Wishes) -> str | None:
    store = survey.store(node.name, target)
    if store is None:
        known = any(one.name == target for one in survey.stores)
        return f"storage {target!r} is not available on it" if known else None
    needed = plan.disk_gib * GIB if wishes.full else ROOM
    if store.room is not None and store.room.free < needed:
        return f"{_gib(store.room.free)} free on storage {target!r}, {_gib(needed)} needed"
    return None


def _target(template: Template, wishes: Wishes) -> str | None:
    """Return the storage on which the new disk will be, if that is known."""
    if wishes.full and wishes.storage:
        return wishes.storage
    return next(iter(template.storages), None)


def _score(place: Place, plan: Plan, survey: Survey, used: Mapping[str, Load]) -> float:
    node = next(one for one in survey.nodes if one.name == place.node)
    load = used.get(place.node, Load())
    taken = (plan.memory_mib + load.promised) * MIB
    memory = node.memory.share_after(taken) if node.memory else UNKNOWN
    template = next(one for one in survey.templates if one.vmid == place.template)
    name = place.storage or next(iter(template.storages), "")
    store = survey.store(place.node, name)
    disk = store.room.share_after(plan.disk_gib * GIB) if store and store.room else UNKNOWN
    most = max((one.machines for one in used.values()), default=0)
    spread = 1 - load.machines / (1 + most)
    near = AT_HOME if place.node == place.template_node else 0.0
    return MEMORY * memory + SPREAD * spread + STORAGE * disk + near


def _refusal(survey: Survey, reasons: Mapping[str, str]) -> Trouble:
    told = "; ".join(f"{node}: {reason}" for node, reason in sorted(reasons.items()))
    if any(reason.endswith(OFFLINE) for reason in reasons.values()):
        return Trouble(Verdict.UNKNOWN, f"no node can take the VM now: {told}")
    if not survey.templates:
        return Trouble(Verdict.REFUSED, "no template is there, or our token may not see it", MAKE)
    return Trouble(Verdict.REFUSED, f"no node can take the VM: {told or 'none is known'}", FREE)


def _gib(size: int) -> str:
    return f"{size / GIB:.1f} GiB"
