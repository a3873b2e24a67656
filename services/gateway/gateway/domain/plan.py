"""Plans: the named sizes a server can have."""

from collections.abc import Mapping
from typing import Final

from common.contracts.servers import Plan
from gateway.domain.errors import Fault, PlanTooSmall, UnknownPlan

RECOMMENDED: Final = "recommended"

PLANS: Final[Mapping[str, Plan]] = {
    plan.name: plan
    for plan in (
        Plan(name="small", cores=1, memory_mib=1024, disk_gib=8),
        Plan(name="medium", cores=2, memory_mib=4096, disk_gib=20),
        Plan(name="large", cores=4, memory_mib=8192, disk_gib=40),
    )
}


def chosen_plan(name: str | None, *, recommended: Plan) -> Plan:
    """Return the plan of this name; the game's own recommendation where none is named."""
    if name is None or name == recommended.name:
        return recommended
    if name not in PLANS:
        raise UnknownPlan(
            "There is no plan of this name.",
            remedy=f"Choose one of {', '.join(PLANS)}, or none for the game's own recommendation.",
            faults=(Fault("/plan", "is not the name of a plan"),),
        )
    return PLANS[name]


def ensure_large_enough(plan: Plan, *, least: Plan | None) -> None:
    """Raise ``PlanTooSmall`` if the plan has less of anything than the game runs on at all."""
    if least is None or _holds(plan, least):
        return
    large = [one.name for one in PLANS.values() if _holds(one, least)]
    raise PlanTooSmall(
        f"The game needs {_size(least)}; the plan {plan.name} has {_size(plan)}.",
        remedy=f"Choose one of {', '.join([*large, RECOMMENDED])}.",
        faults=(Fault("/plan", "is too small for the game"),),
    )


def _holds(plan: Plan, least: Plan) -> bool:
    return (
        plan.cores >= least.cores
        and plan.memory_mib >= least.memory_mib
        and plan.disk_gib >= least.disk_gib
    )


def _size(plan: Plan) -> str:
    return f"{plan.cores} core(s), {plan.memory_mib} MiB of memory and {plan.disk_gib} GiB of disk"
