"""The folders' tasks, played: once they bring the game about, twice they change nothing."""

import re
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator

from proxmox_lab.guests.simulated.model.apps import apps
from proxmox_lab.guests.simulated.model.files import Kind
from tests.games.landing import landing
from tests.unit.lab_guests.conftest import Bench
from tests.unit.playbooks.game_folder import GameFolder
from tests.unit.playbooks.test_game_stand_ins import GAMES
from tests.unit.playbooks.vendor import play
from yard_cli.catalogue.folder import read

HOSTILE = "{{ lookup('pipe', 'id') }}"

every_game = pytest.mark.parametrize("folder", GAMES, ids=lambda folder: folder.name)


@every_game
async def test_the_first_play_brings_the_game_about(hall: Bench, folder: Path):
    first = play(hall, folder)

    await first.folder(folder)

    unit = first.variables["unit"]
    assert (await hall.sh(f"systemctl is-active {unit}")).out == b"active\n"
    assert (await hall.sh(f"systemctl is-enabled {unit}")).out == b"enabled\n"
    ready = GameFolder(path=folder).raw["ready"].get("console")
    said = list(hall.machine.units.state(unit).journal)
    assert ready is None or re.search(ready, said[-1]), said


@every_game
async def test_a_second_play_changes_nothing(hall: Bench, folder: Path):
    await play(hall, folder).folder(folder)
    second = play(hall, folder)

    await second.folder(folder)

    # A list of packages is fetched anew, and one of them may be newer: that is apt's own.
    assert second.changed == []


SECRETIVE = [folder for folder in GAMES if "x-secret" in str(GameFolder(path=folder).schema)]


@pytest.mark.parametrize("folder", SECRETIVE, ids=lambda folder: folder.name)
async def test_a_secret_lands_only_where_the_game_and_root_may_read(hall: Bench, folder: Path):
    game = GameFolder(path=folder)
    names = [name for name, of in game.schema["properties"].items() if of.get("x-secret")]
    takes = Draft202012Validator({**game.schema, "required": [], "allOf": []}).is_valid
    texts = {name: f"canary-4d2a-{name[:10]}" for name in names}
    given = {name: one if takes({name: one}) else f"{one}!" for name, one in texts.items()}

    await play(hall, folder, **given).folder(folder)

    files = hall.machine.files
    telling = [
        path for path, node in files.nodes.items()
        if node.kind is Kind.FILE and b"canary-4d2a" in files.read(path)
    ]  # fmt: skip
    told = "".join(files.text(path) for path in telling)
    assert [secret for secret in given.values() if secret not in told] == []
    assert [path for path in telling if files.get(path).mode & 0o007] == []


SETTLED = [folder for folder in GAMES if "x-file" in str(GameFolder(path=folder).schema)]


@pytest.mark.parametrize("restart", [True, False])
@pytest.mark.parametrize("folder", SETTLED, ids=lambda folder: folder.name)
async def test_new_settings_restart_the_game_only_if_they_take_it(
    hall: Bench, folder: Path, restart: bool
):
    await play(hall, folder).folder(folder)
    game = GameFolder(path=folder)
    journal = hall.machine.units.state(game.raw["unit"]).journal
    before = journal.invocation
    properties = game.schema["properties"]
    others = landing(read(folder)).others
    name, value = next(of for of in others if "x-file" in properties[of[0]])
    changed = play(hall, folder, **{name: value})
    changed.variables["restart"] = restart

    await changed.folder(folder)

    assert len(changed.changed) == 1, "the file's own task, and no other"
    assert (journal.invocation != before) is restart


@every_game
async def test_what_people_type_is_no_template(hall: Bench, folder: Path):
    game = GameFolder(path=folder)
    texts = [name for name, of in game.schema["properties"].items() if of.get("type") == "string"]
    given = {name: HOSTILE for name in texts if not re.search("version|world$|pass", name)}
    hostile = {name: HOSTILE for name in given if fits(game, name)}

    await play(hall, folder, **hostile).folder(folder)

    files = hall.machine.files
    disk = "".join(files.text(path) for top in ("/etc", "/srv") for path in files.below(top))
    assert not hostile or "lookup(" in disk
    assert "uid=" not in disk


def fits(game: GameFolder, name: str) -> bool:
    pattern = game.schema["properties"][name].get("pattern")
    return pattern is None or re.search(pattern, HOSTILE) is not None


STEAM = [folder for folder in GAMES if "app" in GameFolder(path=folder).raw["source"]]


@pytest.mark.parametrize("folder", STEAM, ids=lambda folder: folder.name)
async def test_the_build_is_told_and_found_where_it_is_looked_for(hall: Bench, folder: Path):
    played = play(hall, folder)

    await played.folder(folder)

    source, service = (GameFolder(path=folder).raw[name] for name in ("source", "service"))
    build = apps()[str(source["app"])].build
    assert played.variables["stats"] == {"build": build}
    path = f"{service['directory']}/steamapps/appmanifest_{source['app']}.acf"
    assert f'"{build}"' in (await hall.sh(f"sudo -n head --bytes=65536 {path}")).out.decode()


@pytest.mark.parametrize("folder", STEAM[:1], ids=lambda folder: folder.name)
async def test_an_app_is_checked_again_only_for_a_new_lock(hall: Bench, folder: Path):
    await play(hall, folder).folder(folder)
    source, service = (GameFolder(path=folder).raw[name] for name in ("source", "service"))
    manifest = f"{service['directory']}/server/steamapps/appmanifest_{source['app']}.acf"
    older = hall.machine.files.text(manifest).replace(apps()[str(source["app"])].build, "1")
    hall.machine.files.write(manifest, older.encode(), template=hall.machine.files.get(manifest))

    kept, renewed = play(hall, folder), play(hall, folder)
    kept.variables["lock"]["build"] = "1"
    await kept.folder(folder)
    await renewed.folder(folder)

    assert kept.variables["stats"] == {"build": "1"}
    assert renewed.variables["stats"] == {"build": apps()[str(source["app"])].build}
    assert renewed.changed == ["Note which build is there"]
