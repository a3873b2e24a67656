"""Plans: the named sizes a server can have."""

from collections.abc import Mapping
from typing import Final

from common.contracts.servers import Plan
from gateway.domain.errors import Fault, UnknownPlan

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
