"""A server gets another version of its game, or goes back to what it was before."""

import json
import shutil
from collections.abc import AsyncGenerator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
import yaml

from tests.stack import ROOT, Stack, eventually, running_stack

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.timeout(600),
    pytest.mark.asyncio(loop_scope="module"),
]

GAME = "arena"
MARK = "/var/lib/teeworlds/version"
CONFIG = "/etc/teeworlds/server.cfg"
STEPS = ["snapshot", "address", "ssh", "resolve", "playbook", "ready"]
# Teeworlds in three versions, of which the last spoils the server, and then does not come up.
TASKS = """
- name: Note the version
  ansible.builtin.copy:
    content: "{{ lock.version }}"
    dest: /var/lib/teeworlds/version
    mode: "0644"

- name: Spoil the server
  ansible.builtin.file:
    path: /etc/teeworlds/server.cfg
    state: absent
  when: lock.version == '3.0'

- name: Give up
  ansible.builtin.fail:
    msg: This version does not work.
  when: lock.version == '3.0'
"""


def make_game(playbooks: Path) -> None:
    """Copy the project's playbooks, and add a game that has versions and downloads nothing."""
    shutil.copytree(ROOT / "playbooks", playbooks)
    folder = playbooks / "games" / GAME
    shutil.copytree(playbooks / "games" / "teeworlds", folder)
    manifest = yaml.safe_load((folder / "game.yml").read_text())
    source = {"resolver": "table", "setting": "version"}
    (folder / "game.yml").write_text(yaml.safe_dump({**manifest, "id": GAME, "source": source}))
    schema = json.loads((folder / "settings.schema.json").read_text())
    versions = ["1.0", "2.0", "3.0"]
    schema["properties"]["version"] = {"title": "Version", "enum": versions, "default": "1.0"}
    (folder / "settings.schema.json").write_text(json.dumps(schema))
    locks: dict[str, Any] = {version: {} for version in versions}
    (folder / "versions.yml").write_text(yaml.safe_dump({"versions": locks}))
    with (folder / "install.yml").open("a") as file:
        file.write(TASKS)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def stack(tmp_path_factory: pytest.TempPathFactory) -> AsyncGenerator[Stack]:
    home = tmp_path_factory.mktemp("yard")
    make_game(home / "playbooks")
    told = {"SPAWNYARD_PLAYBOOKS": str(home / "playbooks")}
    async with running_stack(Stack(home / "data", environment=told)) as stack:
        yield stack


async def deployed(stack: Stack, name: str, **options: Any) -> tuple[str, int]:
    """Deploy a server of the game; return its id and its VM's."""
    before = {vm["vmid"] for vm in await stack.vms()}
    operation = await stack.deploy(options.pop("game", GAME), name=name, **options)
    ended = await stack.finished(operation["id"])
    assert ended["state"] == "succeeded", ended
    (vmid,) = {vm["vmid"] for vm in await stack.vms()} - before
    return operation["server_id"], vmid


async def request(stack: Stack, server: str, version: str | None = None) -> dict[str, Any]:
    body = {} if version is None else {"version": version}
    answer = await stack.call("POST", f"/v1/servers/{server}/update", json=body)
    assert answer.status_code == 202, answer.text
    return answer.json()


async def update(stack: Stack, server: str, version: str | None = None) -> dict[str, Any]:
    """Ask for an update, and wait for its end; return the operation."""
    return await stack.finished((await request(stack, server, version))["id"])


async def files(stack: Stack, vmid: int) -> dict[str, Any]:
    guest = await stack.lab("GET", f"/lab/vms/{vmid}/guest")
    return {path: file.get("content") for path, file in guest["files"].items()}


async def snapshots(stack: Stack, vmid: int) -> list[str]:
    """Ask the lab, as Proxmox, which snapshots the VM has."""
    told = await stack.proxmox(f"nodes/pve/qemu/{vmid}/snapshot")
    return [one["name"] for one in told if one["name"] != "current"]


async def let_go(stack: Stack, vmid: int) -> None:
    """Wait until no snapshot is left: it is let go after the operation has ended."""

    async def none_left() -> bool:
        return await snapshots(stack, vmid) == []

    await eventually(none_left, within=60)


def states(operation: dict[str, Any]) -> dict[str, str]:
    return {step["name"]: step["state"] for step in operation["steps"]}


async def test_a_server_gets_another_version(stack: Stack) -> None:
    server, vmid = await deployed(stack, "forth")
    assert (await files(stack, vmid))[MARK] == "1.0"

    ended = await update(stack, server, "2.0")

    assert ended["state"] == "succeeded", ended
    assert list(states(ended)) == STEPS
    assert set(states(ended).values()) == {"succeeded"}
    after = await stack.server(server)
    assert (after["phase"], after["lock"]["version"]) == ("running", "2.0")
    assert after["settings"]["version"] == "2.0"
    assert (await files(stack, vmid))[MARK] == "2.0"
    await let_go(stack, vmid)
    again = await stack.call("POST", f"/v1/servers/{server}/update", json={"version": "2.0"})
    assert (again.status_code, again.json()["code"]) == (422, "nothing_to_change")


async def test_a_server_whose_playbook_breaks_runs_as_before(stack: Stack) -> None:
    server, vmid = await deployed(stack, "back", settings={"motd": "As ever"})
    before, config = await stack.server(server), (await files(stack, vmid))[CONFIG]

    ended = await update(stack, server, "3.0")

    assert ended["state"] == "failed", ended
    assert (ended["error"]["step"], states(ended)["playbook"]) == ("playbook", "failed")
    assert "Give up" in json.dumps(ended["error"])
    after = await stack.server(server)
    for part in ("phase", "lock", "settings", "name", "host", "connect"):
        assert after[part] == before[part], part
    found = await files(stack, vmid)
    assert (found[MARK], found[CONFIG]) == ("1.0", config)
    lines = [line["text"] for line in await stack.log(ended["id"])]
    assert any("Rolled back: back runs as before." in line for line in lines), lines
    await let_go(stack, vmid)

    mended = await update(stack, server, "2.0")
    assert mended["state"] == "succeeded", mended
    assert (await files(stack, vmid))[MARK] == "2.0"


async def test_an_update_that_is_called_off_goes_back(stack: Stack) -> None:
    server, vmid = await deployed(stack, "halted")
    asked = await request(stack, server, "2.0")
    await stack.at_step(asked["id"], "playbook")

    answer = await stack.call("POST", f"/v1/operations/{asked['id']}/cancel")
    assert answer.status_code == 202, answer.text
    ended = await stack.finished(asked["id"])

    assert ended["state"] == "cancelled", ended
    after = await stack.server(server)
    assert (after["phase"], after["lock"]["version"]) == ("running", "1.0")
    assert (await files(stack, vmid))[MARK] == "1.0"
    await let_go(stack, vmid)


async def test_a_game_of_packages_is_updated_without_a_version(stack: Stack) -> None:
    server, vmid = await deployed(stack, "packages", game="luanti")

    refused = await stack.call("POST", f"/v1/servers/{server}/update", json={"version": "5.0"})
    ended = await update(stack, server)

    assert (refused.status_code, refused.json()["errors"][0]["pointer"]) == (422, "/version")
    assert ended["state"] == "succeeded", ended
    assert (await stack.server(server))["lock"]["packages"]
    await let_go(stack, vmid)
