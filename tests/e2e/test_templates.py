"""A template is baked for a game; servers are cloned from it, and nothing is installed in them."""

from typing import Any

import pytest

from tests.stack import Stack

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.timeout(600),
    pytest.mark.asyncio(loop_scope="module"),
]

BAKED = [
    "reserve", "clone", "configure", "resize", "start", "address",
    "ssh", "resolve", "playbook", "shutdown", "convert",
]  # fmt: skip
INSTALLING = "Install the packages"


async def bake(stack: Stack, game: str) -> dict[str, Any]:
    """Have a template baked; return it."""
    answer = await stack.call("POST", "/v1/templates", json={"game": game})
    assert answer.status_code == 202, answer.text
    operation = await stack.finished(answer.json()["id"])
    assert operation["state"] == "succeeded", operation
    assert [step["name"] for step in operation["steps"]] == BAKED
    found = await templates(stack)
    return next(one for one in found if one["id"] == operation["server_id"])


async def templates(stack: Stack) -> list[dict[str, Any]]:
    answer = await stack.call("GET", "/v1/templates")
    return answer.json()["items"]


async def deploy(stack: Stack, name: str) -> tuple[dict[str, Any], int]:
    """Deploy a server; return its operation and its VM's id."""
    before = {vm["vmid"] for vm in await stack.vms()}
    operation = await stack.finished((await stack.deploy("luanti", name=name))["id"])
    assert operation["state"] == "succeeded", operation
    (vmid,) = {vm["vmid"] for vm in await stack.vms()} - before
    return operation, vmid


async def config(stack: Stack, vmid: int) -> dict[str, Any]:
    """Ask the lab, as Proxmox, for a VM's configuration."""
    return await stack.proxmox(f"nodes/pve/qemu/{vmid}/config")


async def files(stack: Stack, vmid: int) -> dict[str, Any]:
    guest = await stack.lab("GET", f"/lab/vms/{vmid}/guest")
    return {path: file.get("content") for path, file in guest["files"].items()}


def installed(operation: dict[str, Any]) -> list[str]:
    """Return the tasks of the playbook that brought in packages."""
    found = [task for task in operation["tasks"] if task["changed"]]
    return [task["task"] for task in found if INSTALLING in task["task"]]


async def test_servers_are_cloned_from_the_template_of_their_game(stack: Stack) -> None:
    cold, first = await deploy(stack, "cold")
    template = await bake(stack, "luanti")

    warm, second = await deploy(stack, "warm")

    assert (template["phase"], template["current"]) == ("template", True)
    listed = (await stack.call("GET", "/v1/servers")).json()["items"]
    assert {one["name"] for one in listed} == {"cold", "warm"}
    made = await config(stack, template["vmid"])
    assert str(made["template"]) == "1"
    assert f"template: luanti {template['recipe']}" in made["description"]
    assert "base-9000-" in (await config(stack, first))["scsi0"]
    assert f"base-{template['vmid']}-" in (await config(stack, second))["scsi0"]
    assert installed(cold)
    assert not installed(warm)
    mine, other = await files(stack, second), await files(stack, first)
    for path in ("/etc/machine-id", "/etc/ssh/ssh_host_ed25519_key.pub"):
        assert mine[path] != other[path]
    sealed = await files(stack, template["vmid"])
    assert not sealed["/etc/machine-id"]
    assert not [path for path in sealed if "ssh_host_" in path or "authorized_keys" in path]

    refused = await stack.call("DELETE", f"/v1/templates/{template['id']}")
    assert (refused.status_code, refused.json()["code"]) == (409, "template_in_use")
    assert warm["server_id"] in refused.json()["detail"]
    going = await stack.call("DELETE", f"/v1/servers/{warm['server_id']}")
    await stack.finished(going.json()["id"])
    going = await stack.call("DELETE", f"/v1/templates/{template['id']}")
    ended = await stack.finished(going.json()["id"])
    assert ended["state"] == "succeeded", ended
    assert await templates(stack) == []
    left = {vm["vmid"] for vm in await stack.lab("GET", "/lab/vms")}
    assert template["vmid"] not in left
    assert first in left


async def test_what_cannot_be_baked_leaves_nothing(stack: Stack) -> None:
    before = {vm["vmid"] for vm in await stack.vms()}
    answer = await stack.call("POST", "/v1/templates", json={"game": "teeworlds"})
    operation = answer.json()
    await stack.at_step(operation["id"], "address")

    await stack.call("POST", f"/v1/operations/{operation['id']}/cancel")
    ended = await stack.finished(operation["id"])

    assert ended["state"] == "cancelled", ended
    assert {vm["vmid"] for vm in await stack.vms()} == before
    assert await templates(stack) == []
