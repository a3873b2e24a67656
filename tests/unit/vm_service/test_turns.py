"""Who waits for whom when many VMs are cloned at once."""

from dataclasses import replace

import pytest

from vm_service.domain.placement import Place
from vm_service.handlers.turns import Turns

HERE = Place(node="pve", template=9000, template_node="pve", storage="fast")


def test_clones_of_one_template_onto_one_storage_share_a_line_wherever_they_will_run():
    turns = Turns(2)

    assert turns.of(HERE) is turns.of(replace(HERE, node="pve2"))


@pytest.mark.parametrize(
    "elsewhere",
    [
        replace(HERE, template=9001),
        replace(HERE, template_node="pve2"),
        replace(HERE, storage="slow"),
        replace(HERE, storage=None),
    ],
)
def test_another_template_node_or_storage_has_a_line_of_its_own(elsewhere: Place):
    turns = Turns(2)

    assert turns.of(HERE) is not turns.of(elsewhere)


async def test_a_line_has_as_many_places_as_clones_are_allowed():
    line = Turns(2).of(HERE)

    await line.acquire()
    assert not line.locked()
    await line.acquire()

    assert line.locked()
