"""The stand-ins of game servers: what they answer, say, and how they leave."""

import asyncio
import json
import os
import posixpath
import struct
from collections.abc import AsyncGenerator
from dataclasses import dataclass, replace
from typing import Any

import pytest
from mcstatus import BedrockServer
from opengsq.protocols import Satisfactory, Source

from proxmox_lab.guests.simulated.model.files import Kind, Node
from proxmox_lab.guests.simulated.programs.order import Order
from proxmox_lab.guests.simulated.system.jobs import halt_units
from proxmox_lab.guests.simulated.system.stopping import stop_units
from tests.unit.lab_guests.conftest import Bench

HOME = "/srv/game"
UNIT = "[Service]\nUser=game\nWorkingDirectory={home}\nExecStart={command}\n{more}"


@dataclass(slots=True)
class Hall:
    """A machine on a loopback address of its own, with a user to run games as."""

    bench: Bench
    host: str

    def put(self, path: str, text: str, *, mode: int = 0o644) -> None:
        files = self.bench.machine.files
        files.make_directories(posixpath.dirname(path))
        files.write(path, text.encode(), template=Node(kind=Kind.FILE, mode=mode))

    async def serve(self, command: str, *, more: str = "", files: dict[str, str] | None = None):
        self.put(command.split(maxsplit=1)[0], "a stand-in", mode=0o755)
        for path, text in (files or {}).items():
            self.put(path, text)
        unit = UNIT.format(home=HOME, command=command, more=more)
        self.put("/etc/systemd/system/game.service", unit)
        answer = await self.bench.module("systemd_service", name="game", state="started")
        assert not answer.get("failed"), answer

    async def stop(self) -> list[str]:
        await self.bench.module("systemd_service", name="game", state="stopped")
        return self.journal()

    def journal(self) -> list[str]:
        return list(self.bench.machine.units.state("game").journal)


@pytest.fixture
async def hall(bench: Bench) -> AsyncGenerator[Hall]:
    machine = bench.machine
    # Tests of other processes may open the same ports meanwhile.
    host = f"127.{30 + os.getpid() % 20}.{os.getpid() // 20 % 250}.7"
    machine.hardware = replace(machine.hardware, loopback=host)
    await bench.module("user", name="game", home=HOME, system=True)
    await bench.sh(f"mkdir -p {HOME}")
    yield Hall(bench, host)
    await halt_units(machine)


async def test_valheim_is_asked_one_port_above_its_own(hall: Hall) -> None:
    await hall.serve(
        f'{HOME}/valheim_server.x86_64 -public 1 -name "Grüße Ä" -port 2556 -world Midgard '
        "-password hunter2",
        more="KillSignal=SIGINT\n",
    )

    info: Any = await Source(hall.host, 2557).get_info()
    players = await Source(hall.host, 2557).get_players()

    assert (info.name, info.map, info.players, info.max_players) == ("Grüße Ä", "Midgard", 0, 64)
    assert int(info.visibility) == 1
    assert players == []
    assert hall.bench.machine.listening("udp") == [2556, 2557]


async def test_an_unlisted_valheim_leaves_queries_unanswered(hall: Hall) -> None:
    await hall.serve(f"{HOME}/valheim_server.x86_64 -port 2556 -public 0")

    with pytest.raises(TimeoutError):
        await asyncio.wait_for(ask(hall.host, 2557, b"\xff\xff\xff\xffTSource Engine Query\0"), 0.5)


async def test_a_query_of_steam_s_is_answered_to_who_repeats_its_challenge(hall: Hall) -> None:
    await hall.serve(f"{HOME}/valheim_server.x86_64 -port 2556 -public 1")
    question = b"\xff\xff\xff\xffTSource Engine Query\0"

    first = await ask(hall.host, 2557, question)
    forged = await ask(hall.host, 2557, question + b"\1\2\3\4")

    assert first[:5] == forged[:5] == b"\xff\xff\xff\xffA"


async def test_project_zomboid_reads_the_settings_of_its_server_name(hall: Hall) -> None:
    settings = (
        "DefaultPort=16361\nUDPPort=16362\nRCONPort=27115\nRCONPassword=p w\n"
        "PublicName=A = b\nMaxPlayers=9\n"
    )
    await hall.serve(
        f"{HOME}/start-server.sh -servername yard",
        files={f"{HOME}/Zomboid/Server/yard.ini": settings},
    )

    info: Any = await Source(hall.host, 16361).get_info()

    assert (info.name, info.max_players, info.game) == ("A = b", 9, "Project Zomboid")
    assert hall.bench.machine.listening("udp") == [16361, 16362]
    assert hall.bench.machine.listening("tcp") == [22, 27115]
    assert "*** SERVER STARTED ****" in hall.journal()[-1]


async def test_ark_takes_its_ports_from_the_address_of_its_map(hall: Hall) -> None:
    settings = (
        "[ServerSettings]\nServerAdminPassword=p\n[SessionSettings]\nSessionName=An ark\n"
        "[/Script/Engine.GameSession]\nMaxPlayers=70\n"
    )
    binary = f"{HOME}/ShooterGame/Binaries/Linux/ShooterGameServer"
    await hall.serve(
        f"{binary} TheIsland?listen?Port=7877?QueryPort=27115?RCONPort=27120 -server",
        more=f"WorkingDirectory={posixpath.dirname(binary)}\n",
        files={f"{HOME}/ShooterGame/Saved/Config/LinuxServer/GameUserSettings.ini": settings},
    )

    info: Any = await Source(hall.host, 27115).get_info()

    assert (info.name, info.max_players) == ("An ark", 70)
    assert hall.bench.machine.listening("udp") == [7877, 7878, 27115]
    assert hall.bench.machine.listening("tcp") == [22, 27120]


async def test_satisfactory_tells_that_nobody_has_claimed_it_yet(hall: Hall) -> None:
    await hall.serve(f"{HOME}/FactoryServer.sh -Port=7877 -ReliablePort=8889")

    status: Any = await Satisfactory(hall.host, 7877, "").get_status()

    assert (status.state, status.name) == (1, "Satisfactory Server")
    assert hall.bench.machine.listening("tcp") == [22, 7877, 8889]


async def test_bedrock_answers_the_server_list(hall: Hall) -> None:
    settings = (
        "server-name=Grüße\nserver-port=19232\nserver-portv6=19233\nmax-players=4\nlevel-name=W\n"
    )
    await hall.serve(f"{HOME}/bedrock_server", files={f"{HOME}/server.properties": settings})

    status = await BedrockServer(hall.host, 19232).async_status()

    assert status.motd.to_plain() == "Grüße"
    assert (status.players.online, status.players.max, status.map_name) == (0, 4, "W")


async def test_factorio_lets_nobody_into_its_console_without_the_password(hall: Hall) -> None:
    settings = json.dumps({"name": "Works", "max_players": 3, "visibility": {"lan": False}})
    command = f"{HOME}/bin/x64/factorio --port 34297 --rcon-port 34298 --rcon-password s3cret"
    await hall.serve(command, files={f"{HOME}/server-settings.json": settings})

    right = await rcon(hall.host, 34298, "s3cret")
    wrong = await rcon(hall.host, 34298, "guess")

    assert (right, wrong) == (1, -1)
    assert hall.journal()[-1] == "   0.100 Hosting game at IP ADDR:({0.0.0.0:34297})"


CONSOLE = """[Socket]
ListenFIFO=/run/game.console
SocketUser=game
SocketMode=0600
RemoveOnStop=yes
"""


async def test_a_word_on_the_console_is_a_farewell(hall: Hall) -> None:
    hall.put("/etc/systemd/system/game.socket", CONSOLE)
    more = (
        "Sockets=game.socket\nStandardInput=socket\nTimeoutStopSec=60\n"
        "ExecStop=/bin/sh -c 'echo exit > /run/game.console'\nKillSignal=SIGCONT\n"
    )
    files = {f"{HOME}/c.txt": "port=7787\n"}
    await hall.serve(
        f"{HOME}/TerrariaServer.bin.x86_64 -config {HOME}/c.txt", more=more, files=files
    )
    said = await hall.bench.sh("echo help > /run/game.console")
    assert hall.bench.machine.listening("tcp") == [22, 7787]

    journal = await hall.stop()

    assert said.code == 0
    assert journal[0] == "Listening on port 7787"
    assert "Saving world data: 100%" in journal
    assert not any("(simulated)" in line for line in journal)
    assert hall.bench.machine.listening("tcp") == [22]


async def test_who_is_not_allowed_to_write_into_a_console_does_not(hall: Hall) -> None:
    hall.put("/etc/systemd/system/game.socket", CONSOLE)
    await hall.bench.module("systemd_service", name="game.socket", state="started")

    refused = await hall.bench.sh("echo exit > /run/game.console", user="yard")

    assert refused.code
    assert b"Permission denied" in refused.err


async def test_a_program_that_leaves_by_itself_leaves_an_inactive_unit(hall: Hall) -> None:
    hall.put("/etc/systemd/system/game.socket", CONSOLE)
    await hall.serve(f"{HOME}/TerrariaServer.bin.x86_64", more="Sockets=game.socket\n")

    await hall.bench.sh("echo exit > /run/game.console")

    assert (await hall.bench.sh("systemctl is-active game")).out == b"inactive\n"


@pytest.mark.parametrize(("signal", "saves"), [("SIGINT", True), ("SIGTERM", False)])
async def test_a_game_saves_at_its_own_signal_alone(hall: Hall, signal: str, saves: bool) -> None:
    await hall.serve(f"{HOME}/valheim_server.x86_64 -port 2556", more=f"KillSignal={signal}\n")

    journal = await hall.stop()

    assert ("nothing was saved" not in journal[-1]) is saves


async def test_a_shutdown_lets_every_game_say_goodbye(hall: Hall) -> None:
    await hall.serve(f"{HOME}/valheim_server.x86_64 -port 2556", more="KillSignal=SIGINT\n")

    await stop_units(hall.bench.machine)

    assert "World saved" in hall.bench.machine.last_words["game.service"][0]
    assert hall.bench.machine.listening("udp") == []


async def test_the_journal_tells_one_start_from_the_other(hall: Hall) -> None:
    await hall.serve(f"{HOME}/valheim_server.x86_64 -port 2556")
    await hall.bench.sh("systemctl restart game")
    shown = await hall.bench.sh("systemctl show --property=InvocationID --value game.service")

    this = await hall.bench.sh(
        f"journalctl -o cat _SYSTEMD_INVOCATION_ID={shown.out.decode().strip()}"
    )
    both = await hall.bench.sh("journalctl -o cat -u game")

    assert this.out.count(b"Game server connected") == 1
    assert both.out.count(b"Game server connected") == 2


async def test_signs_that_systemd_doubles_mean_themselves(hall: Hall) -> None:
    name = 'Ha %i $HOME 100%% \\ "x"'
    quoted = name.replace("\\", "\\\\").replace('"', '\\"')
    quoted = quoted.replace("%", "%%").replace("$", "$$")
    await hall.serve(f'{HOME}/valheim_server.x86_64 -port 2556 -public 1 -name "{quoted}"')

    info: Any = await Source(hall.host, 2557).get_info()

    assert info.name == name


def test_an_option_may_stand_in_an_address(bench: Bench) -> None:
    order = Order(
        argv=("x", "Map?listen?Port=1?SessionName=a b", "-Log=2"),
        cwd="/", actor=bench.machine.actor("root"), files=bench.machine.files,
        address="127.0.0.1", log=lambda _line: None,
    )  # fmt: skip

    assert [order.option(n) for n in ("?Port", "?SessionName", "-Log", "?No")] == [
        "1",
        "a b",
        "2",
        "",
    ]


async def ask(host: str, port: int, question: bytes) -> bytes:
    received: asyncio.Queue[bytes] = asyncio.Queue()

    class Listener(asyncio.DatagramProtocol):
        def datagram_received(self, data: bytes, addr: Any) -> None:
            received.put_nowait(data)

    loop = asyncio.get_running_loop()
    transport, _ = await loop.create_datagram_endpoint(Listener, remote_addr=(host, port))
    transport.sendto(question)
    try:
        return await asyncio.wait_for(received.get(), 30)
    finally:
        transport.close()


async def rcon(host: str, port: int, password: str) -> int:
    """Log in; the number that comes back is ours, or -1."""
    reader, writer = await asyncio.open_connection(host, port)
    body = struct.pack("<ii", 1, 3) + password.encode() + b"\0\0"
    writer.write(struct.pack("<i", len(body)) + body)
    answer = await asyncio.wait_for(reader.readexactly(14), 30)
    writer.close()
    await writer.wait_closed()
    return struct.unpack_from("<i", answer, 4)[0]
