"""Installs a game's folder on a simulated machine: the tasks that matter, without Ansible."""

import json
from collections.abc import Mapping
from typing import Any

import yaml

from proxmox_lab.guests.simulated.model.apps import apps
from proxmox_lab.guests.simulated.model.catalogue import NodeSpec
from proxmox_lab.guests.simulated.model.files import Kind, Node
from proxmox_lab.guests.simulated.model.image import place
from tests.unit.lab_guests.conftest import Bench
from tests.unit.playbooks.game_folder import GameFolder, filled

BUILTIN = "ansible.builtin."
DIRECT = ("apt", "file", "replace", "command")


async def install(bench: Bench, game: GameFolder) -> None:
    """Bring about what the folder's tasks do; the roles' parts are stood in for."""
    service = game.raw["service"]
    await bench.module("user", name=service["user"], home=service["directory"], system=True)
    await bench.module("file", path=service["directory"], state="directory",
                       owner=service["user"], group=service["user"], mode="0750")  # fmt: skip
    _lay_server(bench, game)
    for task in yaml.safe_load((game.path / "install.yml").read_text()):
        for item in task.get("loop", [None]):
            await _do(bench, game, task, {**game.variables, "item": item})
    for name in ("game-farewell", "game-rcon"):
        place(bench.machine.files, f"/usr/local/bin/{name}", NodeSpec(program=name), now=0.0)
    for path, text in game.unit().items():
        put(bench, path, text)


def put(bench: Bench, path: str, text: str, *, owner: str = "root", mode: int = 0o644) -> None:
    """Write a file as somebody's own."""
    node = Node(kind=Kind.FILE, mode=mode, owner=owner, group=owner)
    bench.machine.files.write(path, text.encode(), template=node)


def _lay_server(bench: Bench, game: GameFolder) -> None:
    """What Steam or an archive would bring."""
    files, service = bench.machine.files, game.variables["manifest"]["service"]
    owner, home = service["user"], service["directory"]
    app = apps().get(str(game.raw["source"].get("app")))
    brought = {f"{home}/server/{path}": spec for path, spec in app.files.items()} if app else {}
    brought.setdefault(service["command"][0], NodeSpec(mode="0750"))
    for path, spec in brought.items():
        files.make_directories(path.rpartition("/")[0], owner=owner)
        place(files, path, spec.model_copy(update={"owner": owner}), now=0.0)


async def _do(bench: Bench, game: GameFolder, task: Mapping[str, Any], known: dict[str, Any]):
    [name] = [word for word in task if word.startswith(BUILTIN)]
    module, given = name.removeprefix(BUILTIN), filled(task[name], known)
    if module == "template":
        text = game.template(given["src"])
        put(bench, given["dest"], text, owner=given["group"], mode=int(given["mode"], 8))
    elif module == "import_role" and given["name"] == "rcon":
        password = filled(task["vars"]["rcon_password"], known)
        reach = {"host": "127.0.0.1", "port": known["ports"]["rcon"], "password": password}
        user = known["manifest"]["service"]["user"]
        put(bench, f"/etc/{known['unit']}-rcon.json", json.dumps(reach), owner=user, mode=0o640)
    elif module in DIRECT:
        answer = await bench.module(module, **given)
        assert not answer.get("failed"), (task["name"], answer)
