"""What vendors would send: archives with stand-ins in them, and plays that fetch them."""

import hashlib
import io
import tarfile
import zipfile
from pathlib import Path
from typing import Any, Literal

from tests.unit.lab_guests.conftest import Bench
from tests.unit.playbooks.game_folder import GameFolder
from tests.unit.playbooks.play import Play

STEAMCMD = "https://steamcdn-a.akamaihd.net/client/installer/steamcmd_linux.tar.gz"
ARCHIVE = "https://vendor.example/server"


def tar(name: str, *, mode: Literal["w:gz", "w:xz"]) -> bytes:
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


DOWNLOADS = {
    STEAMCMD: tar("steamcmd.sh", mode="w:gz"),
    f"{ARCHIVE}/terraria.zip": zipped("1449/Linux/TerrariaServer.bin.x86_64"),
    f"{ARCHIVE}/minecraft-bedrock.zip": zipped("bedrock_server"),
    f"{ARCHIVE}/minecraft-java.jar": b"not really a jar",
    f"{ARCHIVE}/factorio.tar.xz": tar("factorio/bin/x64/factorio", mode="w:xz"),
}


def lock(name: str) -> dict[str, Any]:
    """What the resolvers would tell the playbook."""
    found = [url for url in DOWNLOADS if f"/{name}." in url]
    files = [
        {"name": url.rpartition("/")[2], "url": url, "unpack": ".",
         "checksum": f"sha256:{hashlib.sha256(DOWNLOADS[url]).hexdigest()}"}
        for url in found
    ]  # fmt: skip
    return {"version": "1449", "artefacts": files, "runtime": {"java": "21"}, "build": None}


def play(bench: Bench, folder: Path, **given: Any) -> Play:
    """A play of the folder that is still to be run."""
    game = GameFolder(path=folder, given=given)
    known = {"game": folder.name, "unit": game.raw["unit"], "settings": game.settings}
    ports = {port["name"]: port["number"] for port in game.raw["ports"]}
    more = {"ports": ports, "memory_mib": 8192, "download_base": "", "lock": lock(folder.name)}
    return Play(bench=bench, variables=known | more, downloads=DOWNLOADS)
