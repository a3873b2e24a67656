"""Debian's packages where its mirror is away: what is there will do, what is not is asked for."""

import pytest

from tests.unit.lab_guests.conftest import Bench
from tests.unit.playbooks.game_folder import PLAYBOOKS
from tests.unit.playbooks.play import Play, TaskFailed
from tests.unit.playbooks.vendor import play

FOLDER = PLAYBOOKS / "games" / "luanti"


def renewing(hall: Bench) -> Play:
    again = play(hall, FOLDER)
    again.variables["renew"] = True
    return again


async def test_packages_that_are_there_need_no_mirror(hall: Bench):
    await play(hall, FOLDER).folder(FOLDER)
    hall.machine.mirror_is_away, hall.machine.disk.lists_updated = True, 1.0
    again = renewing(hall)

    await again.folder(FOLDER)

    assert again.changed == []
    assert "update apt cache" in again.variables["packages_asked_for"]["msg"]


async def test_packages_that_are_not_there_are_missed(hall: Bench):
    hall.machine.mirror_is_away = True

    with pytest.raises(TaskFailed, match="update apt cache"):
        await renewing(hall).folder(FOLDER)


async def test_with_a_mirror_the_newest_are_taken(hall: Bench):
    await play(hall, FOLDER).folder(FOLDER)
    hall.machine.disk.lists_updated = 1.0
    hall.machine.disk.packages["luanti-server"] = "0.1"
    again = renewing(hall)

    await again.folder(FOLDER)

    assert again.changed == ["Install the packages"]
