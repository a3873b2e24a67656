"""Luanti's password to join: read by the game, whose user comes and goes, and by nobody else."""

from proxmox_lab.guests.simulated.model.actor import READ, permitted
from proxmox_lab.guests.simulated.model.unit_files import find_unit
from proxmox_lab.guests.simulated.system.surroundings import actor_of
from tests.unit.lab_guests.conftest import Bench
from tests.unit.playbooks.game_folder import PLAYBOOKS
from tests.unit.playbooks.vendor import play

FOLDER, CONF = PLAYBOOKS / "games" / "luanti", "/etc/luanti/default.conf"


def readers(hall: Bench) -> tuple[bool, bool]:
    """Whether the game may read its settings, and whether anybody may."""
    unit = find_unit(hall.machine.files, "luanti-server")
    assert unit is not None
    game, anybody = actor_of(hall.machine, unit), hall.machine.actor("nobody")
    return (
        permitted(hall.machine.files, CONF, actor=game, wish=READ),
        permitted(hall.machine.files, CONF, actor=anybody, wish=READ),
    )


async def test_the_game_alone_reads_it_from_the_first_start_on(hall: Bench):
    await play(hall, FOLDER, password="hunter2").folder(FOLDER)

    assert readers(hall) == (True, False)
    assert (await hall.sh("systemctl is-active luanti-server")).out == b"active\n"


async def test_one_that_comes_later_is_as_safe_and_one_that_goes_costs_nothing(hall: Bench):
    await play(hall, FOLDER).folder(FOLDER)
    assert readers(hall) == (True, True)

    await play(hall, FOLDER, password="hunter2").folder(FOLDER)
    assert readers(hall) == (True, False)

    await play(hall, FOLDER).folder(FOLDER)
    assert readers(hall)[0]


async def test_with_a_password_too_a_second_play_changes_nothing(hall: Bench):
    await play(hall, FOLDER, password="hunter2").folder(FOLDER)
    again = play(hall, FOLDER, password="hunter2")

    await again.folder(FOLDER)

    assert again.changed == []
