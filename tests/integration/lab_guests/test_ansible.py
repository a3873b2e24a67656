"""Real Ansible plays real playbooks against simulated guests."""

import asyncio
import hashlib
import json
import re
import subprocess
import sys
from collections.abc import AsyncGenerator
from typing import Any

import pytest
import yaml
from aiohttp import web
from mcstatus import JavaServer

from tests.integration.lab_guests.conftest import PLAYBOOKS, ROOT, Yard, until_it_answers

pytestmark = [pytest.mark.integration, pytest.mark.timeout(300)]

RECAP = re.compile(r"ok=(\d+)\s+changed=(\d+)\s+unreachable=(\d+)\s+failed=(\d+)")
JAR = b"not really a jar" * 5_000
ARTEFACT = {
    "name": "server-1.21.8.jar",
    "url": "https://vendor.example/server.jar",
    "checksum": f"sha1:{hashlib.sha1(JAR).hexdigest()}",
}


def recap(output: str) -> tuple[int, int]:
    """How many tasks changed something, and how many failed."""
    found = RECAP.findall(output)
    assert found, output
    _, changed, unreachable, failed = map(int, found[-1])
    assert unreachable == 0, output
    return changed, failed


def variables(game: str, settings: dict[str, Any], **more: Any) -> str:
    folder = PLAYBOOKS / "games" / game
    manifest = yaml.safe_load((folder / "game.yml").read_text())
    schema = json.loads((folder / "settings.schema.json").read_text())
    defaults = {k: v["default"] for k, v in schema["properties"].items() if "default" in v}
    locked = {"runtime": {"java": "21"}, "artefacts": [ARTEFACT]}
    return json.dumps(
        {
            "game": game,
            "unit": manifest["unit"],
            "settings": defaults | settings,
            "ports": {port["name"]: port["number"] for port in manifest["ports"]},
            "memory_mib": 2048,
            "download_base": "",
            "lock": locked if "eula" in manifest else {"artefacts": []},
            **more,
        }
    )


class Datagrams(asyncio.DatagramProtocol):
    def __init__(self) -> None:
        self.received: asyncio.Queue[bytes] = asyncio.Queue()

    def datagram_received(self, data: bytes, addr: Any) -> None:
        self.received.put_nowait(data)


async def ask(host: str, port: int, question: bytes) -> bytes:
    loop = asyncio.get_running_loop()
    transport, answers = await loop.create_datagram_endpoint(Datagrams, remote_addr=(host, port))
    try:
        transport.sendto(question)
        async with asyncio.timeout(30):
            return await answers.received.get()
    finally:
        transport.close()


async def test_luanti_is_installed_once_and_answers(yard: Yard) -> None:
    guest = await yard.start()
    settings = variables("luanti", {"server_name": "Lab arena", "motd": "a = b"})

    first = await yard.play(guest, PLAYBOOKS / "site.yml", "-e", settings)
    second = await yard.play(guest, PLAYBOOKS / "site.yml", "-e", settings)

    assert (recap(first)[1], recap(second)) == (0, (0, 0)), first
    answer = await ask(guest.reach().public_host, 30000, bytes.fromhex("4f45740300000001"))
    assert answer[:4] == bytes.fromhex("4f457403")
    assert guest.state()["units"]["luanti-server.service"]["activity"] == "active"


async def test_a_game_comes_back_after_a_restart(yard: Yard) -> None:
    guest = await yard.start()
    await yard.play(guest, PLAYBOOKS / "site.yml", "-e", variables("luanti", {}))

    await guest.reset()
    await until_it_answers(guest)

    answer = await ask(guest.reach().public_host, 30000, bytes.fromhex("4f45740300000001"))
    assert int.from_bytes(answer[12:14], "big") > 1


async def test_teeworlds_tells_the_name_it_was_given(yard: Yard) -> None:
    guest = await yard.start()
    name = 'Grüße \\ "arena"'

    played = await yard.play(
        guest, PLAYBOOKS / "site.yml", "-e", variables("teeworlds", {"server_name": name})
    )

    assert recap(played)[1] == 0, played
    token = b"\x01\x02\x03\x04"
    host = guest.reach().public_host
    request = b"\x04\x00\x00" + b"\xff" * 4 + b"\x05" + token + b"\0" * 512
    loop = asyncio.get_running_loop()
    transport, answers = await loop.create_datagram_endpoint(Datagrams, remote_addr=(host, 8303))
    transport.sendto(request)
    theirs = (await asyncio.wait_for(answers.received.get(), 30))[8:12]
    transport.sendto(b"\x21" + theirs + token + b"\xff\xff\xff\xffgie3\x07")
    told = await asyncio.wait_for(answers.received.get(), 30)
    transport.close()
    assert told[18:].split(b"\0")[1].decode() == name


@pytest.fixture
async def mirror() -> AsyncGenerator[str]:
    async def serve(_: web.Request) -> web.Response:
        return web.Response(body=JAR)

    app = web.Application()
    app.router.add_get("/vendor.example/server.jar", serve)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    await runner.cleanup()


async def test_minecraft_is_fetched_from_the_mirror_and_tells_its_status(
    yard: Yard, mirror: str
) -> None:
    guest = await yard.start()
    settings = {"eula": True, "motd": "Grüße \\ {x}", "max_players": 7}
    given = variables("minecraft-java", settings, download_base=mirror)

    first = await yard.play(guest, PLAYBOOKS / "site.yml", "-e", given)
    second = await yard.play(guest, PLAYBOOKS / "site.yml", "-e", given)

    assert (recap(first)[1], recap(second)) == (0, (0, 0)), first
    server = JavaServer(guest.reach().public_host, 25565, timeout=30)
    status = await server.async_status()
    assert (status.motd.to_plain(), status.players.max) == ("Grüße \\ {x}", 7)
    assert status.version.name == "1.21.8 (simulated)"


async def test_minecraft_without_its_eula_does_not_run(yard: Yard, mirror: str) -> None:
    guest = await yard.start()
    given = variables("minecraft-java", {"eula": False}, download_base=mirror)

    await yard.play(guest, PLAYBOOKS / "site.yml", "-e", given)

    assert 25565 not in guest.state()["listening"]["tcp"]
    journal = guest.state()["units"]["minecraft.service"]["journal"]
    assert "agree to the EULA" in journal[-1]


async def test_a_download_that_is_not_what_was_meant_fails_and_leaves_no_trace(
    yard: Yard, mirror: str
) -> None:
    guest = await yard.start()
    call = {
        "url": f"{mirror}/vendor.example/server.jar",
        "dest": "/opt/x.jar",
        "checksum": f"sha1:{'0' * 40}",
    }
    missing = {"url": f"{mirror}/none", "dest": "/opt/x.jar"}
    far = {"url": "https://10.1.2.3/x", "dest": "/opt/x.jar"}

    for arguments, said in (
        (call, "did not match"),
        (missing, "HTTP Error 404"),
        (far, "Network is unreachable"),
    ):
        played = await yard.tasks(guest, [{"ansible.builtin.get_url": arguments}])
        assert recap(played) == (0, 1), played
        assert said in played
    assert "/opt/x.jar" not in guest.state()["files"]


async def test_a_dry_run_changes_nothing(yard: Yard) -> None:
    guest = await yard.start()
    before = guest.state()["files"]

    played = await yard.play(
        guest, PLAYBOOKS / "site.yml", "--check", "-e", variables("teeworlds", {})
    )

    changed, _ = recap(played)
    assert changed > 0
    kept = {path for path in guest.state()["files"] if ".ansible" not in path}
    assert kept == {path for path in before if ".ansible" not in path}


async def test_what_is_not_modelled_stops_the_play_with_its_name(yard: Yard) -> None:
    guest = await yard.start()

    for task, said in (
        ({"ansible.builtin.iptables": {"chain": "INPUT"}}, "the module iptables"),
        ({"ansible.builtin.command": "free -m"}, "the command free -m"),
        ({"ansible.builtin.apt": {"upgrade": "full"}}, "the option upgrade of the module apt"),
    ):
        played = await yard.tasks(guest, [task])
        assert recap(played)[1] == 1, played
        assert f"does not model {said}" in played


async def test_ansible_works_without_pipelining_and_finds_the_interpreter_itself(
    yard: Yard,
) -> None:
    guest = await yard.start()
    yard.environment |= {
        "ANSIBLE_PIPELINING": "0",
        "ANSIBLE_PYTHON_INTERPRETER": "auto_silent",
        "ANSIBLE_INTERPRETER_PYTHON": "auto_silent",
    }

    played = await yard.tasks(guest, [{"ansible.builtin.copy": {"content": "x", "dest": "/etc/x"}}])

    assert recap(played) == (1, 0), played


async def test_a_play_may_restart_its_guest(yard: Yard) -> None:
    guest = await yard.start()
    reboot = {"reboot_timeout": 30, "test_command": "true", "post_reboot_delay": 0}

    played = await yard.tasks(guest, [{"ansible.builtin.reboot": reboot}])

    assert recap(played) == (1, 0), played


def test_the_table_of_parameters_is_the_installed_ansible_s() -> None:
    tool = ROOT / "tools" / "module_parameters.py"

    checked = subprocess.run([sys.executable, tool, "--check"], check=False, timeout=60)

    assert checked.returncode == 0, "run python tools/module_parameters.py"
