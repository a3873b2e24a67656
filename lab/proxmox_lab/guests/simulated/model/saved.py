"""The disk on disk: one JSON file that is replaced whole, with large contents beside it."""

import base64
import json
import os
from dataclasses import asdict, fields
from functools import lru_cache
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter

from proxmox_lab.guests.simulated.model.accounts import Accounts, Group, User
from proxmox_lab.guests.simulated.model.disk import Disk
from proxmox_lab.guests.simulated.model.files import FileTree, Node

STATE = "guest.json"
BLOBS = "blobs"
POWERED = b'"powered":true}'
NODE = TypeAdapter(Node)
DEFAULTS = {f.name: f.default for f in fields(Node)}
REMEMBERED = 1024  # rows: nearly all are the image's, the same on every disk


def disk_as_json(disk: Disk, *, powered: bool) -> dict[str, Any]:
    """The disk and its power switch in JSON's types."""
    return json.loads(disk_as_text(disk, powered=powered))


def disk_as_text(disk: Disk, *, powered: bool) -> str:
    """The disk and its power switch as the state file holds them."""
    head = _packed(
        {
            "hostname": disk.hostname,
            "instance": disk.instance,
            "lists_updated": disk.lists_updated,
            "packages": disk.packages,
        }
    ).removesuffix("}")
    users = ",".join([_account(user) for user in disk.accounts.users.values()])
    groups = ",".join([_account(group) for group in disk.accounts.groups.values()])
    files = ",".join([_file(path, node) for path, node in disk.files.nodes.items()])
    switch = _packed(powered)
    return f'{head},"users":[{users}],"groups":[{groups}],"files":{{{files}}},"powered":{switch}}}'


@lru_cache(maxsize=REMEMBERED)
def _account(who: User | Group) -> str:
    return _packed(asdict(who))


@lru_cache(maxsize=REMEMBERED)
def _file(path: str, node: Node) -> str:
    return f"{_packed(path)}:{_packed(_node_as_json(node))}"


def _packed(value: object) -> str:
    return json.dumps(value, separators=(",", ":"))


def shown(state: dict[str, Any]) -> dict[str, Any]:
    """The state without its secrets: private keys and password hashes."""
    for path, row in state["files"].items():
        if path.startswith("/etc/ssh/") and path.endswith("_key"):
            row["content"] = "(secret)"
    for user in state["users"]:
        user.pop("hash")
    return state


def disk_from_json(state: dict[str, Any], *, blobs: Path) -> Disk:
    """The disk that ``disk_as_json`` described."""
    users = {row["name"]: User(**row) for row in state["users"]}
    groups = {
        row["name"]: Group(name=row["name"], gid=row["gid"], members=tuple(row["members"]))
        for row in state["groups"]
    }
    nodes = {path: _node_from_json(row) for path, row in state["files"].items()}
    return Disk(
        files=FileTree(blobs=blobs, nodes=nodes),
        accounts=Accounts(users, groups),
        packages=state["packages"],
        hostname=state["hostname"],
        lists_updated=state["lists_updated"],
        instance=state["instance"],
    )


def write_state(directory: Path, text: str) -> None:
    """Replace the state file; a crash leaves the old one or the new one."""
    directory.mkdir(parents=True, exist_ok=True)
    part = directory / f"{STATE}.part"
    # the host's private key is in it
    descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(text.encode())
    part.replace(directory / STATE)


def switch_off(directory: Path) -> None:
    """Let the saved state say that the power is off."""
    state = read_state(directory) or {}
    write_state(directory, _packed(state | {"powered": False}))


def read_state(directory: Path) -> dict[str, Any] | None:
    """The saved state, or none when there is no guest here."""
    path = directory / STATE
    return json.loads(path.read_text(encoding="utf-8")) if path.exists() else None


def had_power(directory: Path) -> bool:
    """Whether the guest was on when its state was saved; the switch is the state's last word."""
    path = directory / STATE
    if not path.exists():
        return False
    with path.open("rb") as file:
        file.seek(-min(len(POWERED), path.stat().st_size), os.SEEK_END)
        return file.read() == POWERED


def sweep_blobs(directory: Path, disk: Disk) -> None:
    """Delete the large contents that no file has any more."""
    wanted = {node.blob for node in disk.files.nodes.values()}
    for path in (directory / BLOBS).glob("*"):
        if path.name not in wanted:
            path.unlink()


def _node_as_json(node: Node) -> dict[str, Any]:
    row: dict[str, Any] = {}
    for name, default in DEFAULTS.items():
        value = getattr(node, name)
        if value != default:
            row[name] = value
    if node.content:
        try:
            row["content"] = node.content.decode()
        except UnicodeDecodeError:
            del row["content"]
            row["base64"] = base64.b64encode(node.content).decode()
    return row


def _node_from_json(row: dict[str, Any]) -> Node:
    packed = row.get("base64")
    content = base64.b64decode(packed) if packed else row.get("content", "").encode()
    plain = {name: value for name, value in row.items() if name not in ("base64", "content")}
    return NODE.validate_python({"content": content, **plain})
