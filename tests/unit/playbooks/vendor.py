"""What vendors would send: archives with stand-ins in them, and plays that fetch them."""

import hashlib
import io
import tarfile
import zipfile
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any, Literal

import yaml

from tests.unit.lab_guests.conftest import Bench
from tests.unit.playbooks.game_folder import GameFolder
from tests.unit.playbooks.play import Play

STEAMCMD = "https://steamcdn-a.akamaihd.net/client/installer/steamcmd_linux.tar.gz"
VENDOR = "https://vendor.example"
VERSION = "1449"
Mode = Literal["w:gz", "w:xz", "w:bz2"]
MODES: Mapping[str, Mode] = {
    ".tar.gz": "w:gz", ".tgz": "w:gz", ".tar.xz": "w:xz", ".tar.bz2": "w:bz2",
}  # fmt: skip


def tar(name: str, *, mode: Mode) -> bytes:
    """An archive with one program in it."""
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode=mode) as archive:
        info = tarfile.TarInfo(name)
        info.mode, info.size = 0o755, 10
        archive.addfile(info, io.BytesIO(b"a stand-in"))
    return packed.getvalue()


def zipped(name: str) -> bytes:
    """The same as a zip file, which knows of no modes."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr(name, "a stand-in")
    return packed.getvalue()


def archived(name: str, program: str) -> bytes:
    """What a file of this name holds: the game's program, or, if it is no archive, something."""
    if name.endswith(".zip"):
        return zipped(program)
    for end, mode in MODES.items():
        if name.endswith(end):
            return tar(program, mode=mode)
    return b"not really a program"


def artefacts(folder: Path) -> list[dict[str, Any]]:
    """The files that the folder's source would lock, by other addresses."""
    raw = GameFolder(path=folder).raw
    named: list[dict[str, Any]] = raw["source"].get("artefacts", [])
    if raw["source"]["resolver"] == "table":
        table = yaml.safe_load((folder / "versions.yml").read_text())["versions"]
        named = next(iter(table.values()))["artefacts"]
    return [
        {"name": file["name"].replace("{version}", VERSION), "unpack": file.get("unpack", ".")}
        for file in named
    ]


@cache
def downloads(folder: Path) -> dict[str, bytes]:
    """What vendors send for a game, by its address: its program, where its command looks for it."""
    service = GameFolder(path=folder).raw.get("service", {"directory": "/", "command": [""]})
    path = service["command"][0].replace("{{ lock.version }}", VERSION)
    found = {STEAMCMD: tar("steamcmd.sh", mode="w:gz")}
    for file in artefacts(folder):
        below = f"{service['directory']}/{file['unpack']}".removesuffix("/.")
        program = path.removeprefix(f"{below}/")
        found[f"{VENDOR}/{folder.name}/{file['name']}"] = archived(file["name"], program)
    return found


def lock(folder: Path) -> dict[str, Any]:
    """What the resolvers would tell the playbook."""
    sent = downloads(folder)
    files = [
        file | {"url": url, "checksum": f"sha256:{hashlib.sha256(sent[url]).hexdigest()}"}
        for file in artefacts(folder)
        for url in [f"{VENDOR}/{folder.name}/{file['name']}"]
    ]
    return {"version": VERSION, "artefacts": files, "runtime": {"java": "21"}, "build": None}


def play(bench: Bench, folder: Path, **given: Any) -> Play:
    """A play of the folder that is still to be run."""
    game = GameFolder(path=folder, given=given)
    known = {"game": folder.name, "unit": game.raw["unit"], "settings": game.settings}
    ports = {port["name"]: port["number"] for port in game.raw["ports"]}
    more = {"ports": ports, "memory_mib": 8192, "download_base": "", "lock": lock(folder)}
    return Play(bench=bench, variables=known | more, downloads=downloads(folder))
