"""What a guest says on its game's remote console, from a file that holds the password."""

import asyncio
import json
import sys
from pathlib import Path

import pytest

from proxmox_lab.guests.simulated.programs.datagrams import FACT
from proxmox_lab.guests.simulated.programs.rcon import RconAnswers

CLIENT = Path(__file__).parents[3] / "playbooks/roles/rcon/files/game-rcon"


async def say(tmp_path: Path, *lines: str, password: str, asked: str) -> tuple[int, str]:
    """Run the client against a console whose password is ``asked``."""
    answers = RconAnswers({f"{FACT}rcon_password": asked})
    server = await asyncio.start_server(answers.serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    file = tmp_path / "rcon.json"
    file.write_text(json.dumps({"host": "127.0.0.1", "port": port, "password": password}))
    client = await asyncio.create_subprocess_exec(
        sys.executable, CLIENT, file, *lines,
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
    )  # fmt: skip
    said, _ = await asyncio.wait_for(client.communicate(), 60)
    server.close()
    return client.returncode or 0, said.decode()


async def test_each_line_is_answered_in_its_turn(tmp_path: Path):
    lines = ("saveworld", "say $HOME; 'Grüße'", "DoExit")

    code, said = await say(tmp_path, *lines, password="p w", asked="p w")

    assert code == 0
    assert said.splitlines() == [f"(simulated) {line}" for line in lines]


@pytest.mark.parametrize("asked", ["other", ""])
async def test_a_wrong_password_is_told_and_says_nothing(tmp_path: Path, asked: str):
    code, said = await say(tmp_path, "DoExit", password="secret-word", asked=asked)

    assert code == 1
    assert said == "game-rcon: the console does not know the password\n"


async def test_a_console_that_is_not_there_is_a_failure(tmp_path: Path):
    file = tmp_path / "rcon.json"
    file.write_text(json.dumps({"host": "127.0.0.1", "port": 1, "password": "x"}))

    client = await asyncio.create_subprocess_exec(
        sys.executable, CLIENT, file, "DoExit", stderr=asyncio.subprocess.DEVNULL
    )

    assert await asyncio.wait_for(client.wait(), 60) == 1
