"""A stand-in for a program that the lab does not know: what its game's manifest says of it."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from proxmox_lab.guests.simulated.programs import table
from tests.unit.playbooks.game_folder import GameFolder, lines_of

# The lab's names for the protocols that a manifest may name.
ANSWERS: Mapping[str, str] = {
    "a2s": "a2s",
    "bedrock-status": "raknet",
    "luanti": "luanti",
    "minecraft-status": "minecraft",
    "satisfactory-query": "satisfactory",
    "teeworlds": "teeworlds",
}


def teach(monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    """Let the lab know the folder's program, unless it has a row in its table of programs."""
    service: Mapping[str, Any] | None = GameFolder(path=folder).raw.get("service")
    binary = service["command"][0].rpartition("/")[2] if service else ""
    if not service or table.program_named(binary, binary):
        return
    known = {**table.serving_programs(), binary: stand_in(folder, binary)}
    monkeypatch.setattr(table, "serving_programs", lambda: known)


def stand_in(folder: Path, binary: str) -> table.ServingProgram:
    """Open the manifest's ports, say its ready line, leave as it says, with a goodbye."""
    raw = GameFolder(path=folder).raw
    query, stop = raw.get("query", {}), raw["service"]["stop"]
    sockets = [
        {
            "protocol": ANSWERS.get(query.get("protocol"), "silent")
            if port["name"] == query.get("port")
            else "silent",
            "transport": port["protocol"],
            "port": port["number"],
        }
        for port in raw["ports"]
    ]
    ready = lines_of(folder).get("ready") or [f"{binary} is up"]
    signals = [stop["signal"]] if "signal" in stop else ["SIGTERM"] if "command" in stop else []
    farewell = {"word": stop.get("console", ""), "signals": signals, "goodbye": ["goodbye"]}
    said = ready[0].replace("{", "{{").replace("}", "}}")
    own = {"binaries": (binary,), "also": sockets[1:], "ready": said, "farewell": farewell}
    return table.ServingProgram.model_validate(sockets[0] | own)
