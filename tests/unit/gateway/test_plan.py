"""A plan holds what the game needs at least, or is refused with those that do."""

import pytest

from common.contracts.servers import Plan
from gateway.domain.errors import PlanTooSmall
from gateway.domain.plan import PLANS, ensure_large_enough


def least(cores: int = 1, memory_mib: int = 256, disk_gib: int = 2) -> Plan:
    return Plan(name="least", cores=cores, memory_mib=memory_mib, disk_gib=disk_gib)


@pytest.mark.parametrize("wanted", [None, least(), PLANS["medium"]])
def test_as_much_as_needed_is_enough(wanted: Plan | None):
    ensure_large_enough(PLANS["medium"], least=wanted)


@pytest.mark.parametrize("wanted", [least(cores=3), least(memory_mib=4097), least(disk_gib=21)])
def test_less_of_anything_is_refused_and_what_is_enough_is_named(wanted: Plan):
    with pytest.raises(PlanTooSmall) as refused:
        ensure_large_enough(PLANS["medium"], least=wanted)

    assert refused.value.remedy == "Choose one of large, recommended."
    assert [fault.pointer for fault in refused.value.faults] == ["/plan"]
