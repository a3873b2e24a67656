"""What templates are made of: the game's packages, and nothing that only one guest may have."""

from pathlib import Path

import pytest

from proxmox_lab.guests.simulated.model.files import Kind, Node
from proxmox_lab.guests.simulated.model.units import Activity
from proxmox_lab.guests.simulated.system.jobs import boot_units, halt_units
from tests.unit.lab_guests.conftest import Bench
from tests.unit.playbooks.play import PLAYBOOKS, Play, read
from tests.unit.playbooks.test_game_stand_ins import GAMES
from tests.unit.playbooks.vendor import play

OWN = ("/etc/ssh/ssh_host_ed25519_key", "/etc/ssh/ssh_host_ed25519_key.pub")
# cloud-init gives a key that is for everybody to root as well, if only with a word of refusal.
KEYS = ("/home/yard/.ssh/authorized_keys", "/root/.ssh/authorized_keys")
ID = "/etc/machine-id"

every_game = pytest.mark.parametrize("folder", GAMES, ids=lambda folder: folder.name)


def lived_in(hall: Bench) -> None:
    """Give the guest what its first boot gave it."""
    node = Node(kind=Kind.FILE, mode=0o600)
    for path in (*OWN, *KEYS, ID):
        hall.machine.files.make_directories(str(Path(path).parent))
        hall.machine.files.write(path, b"mine", template=node)
    hall.machine.disk.instance = "mine"


async def bake(hall: Bench, folder: Path) -> Play:
    """Play what bake.yml plays of the game."""
    baking = play(hall, folder)
    [book] = read(PLAYBOOKS / "bake.yml")
    baking.variables |= book["vars"] | {
        "manifest": read(folder / "game.yml"),
        "ansible_user": "yard",
    }
    for task in book["tasks"]:
        if "ansible.builtin.include_vars" in task:
            continue
        if "ansible.builtin.import_tasks" in task:
            await baking.file(folder / "prepare.yml")
        else:
            await baking.task(task, PLAYBOOKS)
    return baking


@every_game
async def test_a_bake_leaves_the_packages_and_no_game_that_runs(hall: Bench, folder: Path):
    lived_in(hall)

    await bake(hall, folder)

    files, units = hall.machine.files, hall.machine.units
    running = {name for name, of in units.states.items() if of.activity is Activity.ACTIVE}
    assert read(folder / "game.yml")["unit"] not in {
        name.removesuffix(".service") for name in running
    }
    assert not [path for path in (*OWN, *KEYS, "/usr/sbin/policy-rc.d") if files.find(path)]
    assert files.text(ID) == ""
    assert hall.machine.disk.instance == ""


async def test_who_asks_for_the_newest_gets_newer_packages_and_a_restart(hall: Bench):
    folder = PLAYBOOKS / "games" / "luanti"
    await play(hall, folder).folder(folder)
    packages = hall.machine.disk.packages
    newest, packages["luanti-server"] = packages["luanti-server"], "5.9"
    kept, renewed, again = (play(hall, folder) for _ in range(3))
    renewed.variables["renew"] = again.variables["renew"] = True

    await kept.folder(folder)
    assert (kept.changed, packages["luanti-server"]) == ([], "5.9")

    await renewed.folder(folder)
    assert renewed.changed == ["Install the packages"]
    assert packages["luanti-server"] == newest
    assert renewed.restarts == 1

    await again.folder(folder)
    assert again.changed == []


@pytest.mark.parametrize("again", [True, False])
async def test_what_an_interrupted_installation_has_forbidden_is_allowed_again(
    hall: Bench, again: bool
):
    policy = "/usr/sbin/policy-rc.d"
    await hall.sh(f"mkdir -p /usr/sbin && echo 'exit 101' > {policy}")
    base = play(hall, PLAYBOOKS / "games" / "luanti")
    base.tags = frozenset({"again"} if again else ())

    await base.role({"name": "base"}, {})

    assert (hall.machine.files.find(policy) is None) is again


def test_the_keys_go_last_by_one_command_that_puts_all_on_the_disk():
    *_, last = read(PLAYBOOKS / "roles" / "seal" / "tasks" / "main.yml")

    # A second login could fail already, and a guest that does not obey is switched off.
    assert "loop" not in last
    script = last["ansible.builtin.command"]["argv"][-1]
    assert script.split()[:2] == ["rm", "-f"]
    assert script.endswith("&& sync")


@every_game
async def test_a_clone_of_what_was_baked_boots_without_the_game(hall: Bench, folder: Path):
    before = hall.machine.units.wanted_at_boot()
    await bake(hall, folder)

    await halt_units(hall.machine)
    await boot_units(hall.machine)

    unit = read(folder / "game.yml")["unit"]
    assert hall.machine.units.wanted_at_boot() == before
    assert (await hall.sh(f"systemctl is-active {unit}")).out != b"active\n"


@every_game
async def test_on_what_was_baked_a_game_installs_no_package(hall: Bench, folder: Path):
    await bake(hall, folder)
    before = dict(hall.machine.disk.packages)
    first = play(hall, folder)

    await first.folder(folder)

    assert "Install the packages" not in first.changed
    assert hall.machine.disk.packages == before
    unit = first.variables["unit"]
    assert (await hall.sh(f"systemctl is-active {unit}")).out == b"active\n"
    assert (await hall.sh(f"systemctl is-enabled {unit}")).out == b"enabled\n"
