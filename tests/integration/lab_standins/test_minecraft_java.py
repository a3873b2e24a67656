"""The stand-in for a Minecraft server does what its README says, asked by its own doors."""

import asyncio
import contextlib
import re
import shutil
import signal
import socket
import sys
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import aiohttp
import pytest
import yaml
from mcstatus import JavaServer

from proxmox_lab.standins import jars
from proxmox_lab.standins.jars import CannotCompile, compiled, pack
from proxmox_lab.standins.mirror import mirror
from proxmox_lab.standins.vendor import BREAKING, LATEST, offered
from tests.stack import ROOT

pytestmark = [pytest.mark.integration, pytest.mark.timeout(120)]

GAMES = ROOT / "playbooks"
RCON = GAMES / "roles/rcon/files/game-rcon"
EULA = "You need to agree to the EULA in order to run the server. Go to eula.txt for more info."
PATIENCE = 60.0


@pytest.fixture(scope="module")
def classes() -> Mapping[str, bytes]:
    try:
        return compiled()
    except CannotCompile as refusal:
        pytest.skip(f"{refusal}; {refusal.remedy}")


@dataclass
class Server:
    """A stand-in that runs in a folder of its own."""

    folder: Path
    process: asyncio.subprocess.Process
    port: int = 0

    async def line(self, expression: str) -> str:
        """Return the next line of the log that the expression fits."""
        assert self.process.stdout is not None
        async with asyncio.timeout(PATIENCE):
            while line := (await self.process.stdout.readline()).decode().rstrip():
                if re.search(expression, line):
                    return line
        raise AssertionError(f"it ended without a line like {expression}")

    async def say(self, line: str) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(f"{line}\n".encode())
        await self.process.stdin.drain()

    async def ended(self) -> int:
        async with asyncio.timeout(PATIENCE):
            return await self.process.wait()

    @property
    def world(self) -> str:
        return (self.folder / "world" / "level.dat").read_text().strip()


@asynccontextmanager
async def started(folder: Path, jar: jars.Jar) -> AsyncGenerator[Server]:
    (folder / "server.jar").write_bytes(jar.data)
    process = await asyncio.create_subprocess_exec(
        *("java", "-Xmx64M", "-jar", "server.jar", "nogui"),
        cwd=folder, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
    )  # fmt: skip
    try:
        yield Server(folder, process)
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.wait()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def prepared(folder: Path, **properties: object) -> int:
    """Accept the EULA and write the settings; return the game's port."""
    port = free_port()
    told = {"server-port": port, "motd": r"Zu \"Haus\" \u00fc", "max-players": 7, **properties}
    (folder / "eula.txt").write_text("eula=true\n")
    lines = [f"{name}={value}\n" for name, value in told.items()]
    (folder / "server.properties").write_text("".join(lines))
    return port


async def test_without_the_eula_it_says_so_and_ends_in_order(
    classes: Mapping[str, bytes], tmp_path: Path
) -> None:
    async with started(tmp_path, pack(classes, "0.1")) as server:
        assert (await server.line("EULA")).endswith(f"]: {EULA}")
        assert await server.ended() == 0

    assert (tmp_path / "eula.txt").read_text() == "eula=false\n"
    assert not (tmp_path / "world").exists()


async def test_it_gets_ready_answers_its_status_and_stops_by_its_console(
    classes: Mapping[str, bytes], tmp_path: Path
) -> None:
    port = prepared(tmp_path)
    manifest = yaml.safe_load((GAMES / "games/minecraft-java/game.yml").read_text())
    async with started(tmp_path, pack(classes, "0.1")) as server:
        assert re.fullmatch(manifest["ready"]["console"], await server.line("Done"))
        await server.say("pretend join Ada")
        await server.line("Ada joined the game$")

        status = await JavaServer("127.0.0.1", port, timeout=PATIENCE).async_status()
        latency = await JavaServer("127.0.0.1", port, timeout=PATIENCE).async_ping()

        assert status.motd.to_plain() == 'Zu "Haus" ü'
        assert (status.version.name, status.players.max, status.players.online) == ("0.1", 7, 1)
        assert latency > 0
        await server.say("stop")
        assert await server.ended() == 0
        assert server.world == "0.1 1"


async def test_its_remote_console_knows_who_has_the_password(
    classes: Mapping[str, bytes], tmp_path: Path
) -> None:
    rcon = free_port()
    prepared(tmp_path, **{"enable-rcon": "true", "rcon.port": rcon, "rcon.password": "s3cret"})
    async with started(tmp_path, pack(classes, "0.1")) as server:
        await server.line("RCON running on")

        told = await asked(tmp_path, rcon, "s3cret", "list", "save-all", "nonsense")
        refused = await asked(tmp_path, rcon, "wrong", "stop")
        assert server.process.returncode is None
        last = await asked(tmp_path, rcon, "s3cret", "stop")

        assert told.splitlines() == [
            "There are 0 of a max of 7 players online: ",
            "Saved the game",
            "Unknown or incomplete command, see below for errornonsense<--[HERE]",
        ]
        assert "does not know the password" in refused
        assert last.strip() == "Stopping the server"
        assert await server.ended() == 0
        assert server.world == "0.1 2"


async def asked(folder: Path, port: int, password: str, *lines: str) -> str:
    """Ask with the client that guests get; return what it prints."""
    known = folder / "rcon.json"
    known.write_text(f'{{"host": "127.0.0.1", "port": {port}, "password": "{password}"}}')
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, str(RCON), str(known), *lines),
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
    )  # fmt: skip
    out, _ = await process.communicate()
    return out.decode()


async def test_without_a_password_there_is_no_remote_console(
    classes: Mapping[str, bytes], tmp_path: Path
) -> None:
    prepared(tmp_path, **{"enable-rcon": "true"})
    async with started(tmp_path, pack(classes, "0.1")) as server:
        await server.line("rcon disabled!$")


async def test_a_signal_saves_the_world_too(classes: Mapping[str, bytes], tmp_path: Path) -> None:
    prepared(tmp_path)
    async with started(tmp_path, pack(classes, "0.1")) as server:
        await server.line("Done")
        server.process.send_signal(signal.SIGTERM)
        await server.line("All dimensions are saved")
        assert await server.ended() == 128 + signal.SIGTERM
        assert server.world == "0.1 1"


async def test_a_version_made_to_break_spoils_the_world_for_the_one_before(
    classes: Mapping[str, bytes], tmp_path: Path
) -> None:
    prepared(tmp_path)
    async with started(tmp_path, pack(classes, "0.3", breaks=True)) as server:
        assert await server.ended() == 1
        assert server.world == "0.3 0"
    async with started(tmp_path, pack(classes, "0.2")) as server:
        await server.line("saved by the newer version 0.3")
        assert await server.ended() == 1
    shutil.rmtree(tmp_path / "world")
    async with started(tmp_path, pack(classes, "0.2")) as server:
        await server.line("Done")


async def test_the_mirror_offers_it_as_the_vendor_would(classes: Mapping[str, bytes]) -> None:
    files = offered([pack(classes, version) for version in ("0.1", LATEST, BREAKING)])
    async with mirror(files, 0) as base, aiohttp.ClientSession() as session:
        listed = await (
            await session.get(f"{base}/piston-meta.mojang.com/mc/game/version_manifest_v2.json")
        ).json(content_type=None)
        missing = await session.get(f"{base}/elsewhere.example/x")

    assert listed["latest"]["release"] == LATEST
    assert [one["id"] for one in listed["versions"]] == ["0.1", LATEST, BREAKING]
    assert missing.status == 404


def test_the_same_sources_make_the_same_jar(classes: Mapping[str, bytes]) -> None:
    assert pack(classes, "0.1").sha1 == pack(compiled(), "0.1").sha1
    assert pack(classes, "0.1").sha1 != pack(classes, "0.2").sha1


def test_without_a_compiler_the_remedy_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jars, "COMPILER", replace(jars.COMPILER, name="no-such-javac"))

    with pytest.raises(CannotCompile, match="missing: no-such-javac") as refused:
        jars.check_compiler()

    assert "default-jdk-headless" in refused.value.remedy
