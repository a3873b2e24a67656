"""A stand-in for Minecraft in a real machine: deployed, updated, taken back, resized, removed.

The whole product does it: the game's own folder, a version manifest, Java, unit, status question.
"""

import os
import shutil
from collections.abc import AsyncGenerator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
import yaml
from mcstatus import JavaServer
from mcstatus.responses import JavaStatusResponse

from proxmox_lab.guests.port import GuestConfig
from proxmox_lab.guests.qemu import open_guests
from proxmox_lab.guests.qemu.guest import QemuGuest
from proxmox_lab.standins.jars import COMPILER
from proxmox_lab.template.__main__ import DEFAULT_CACHE
from proxmox_lab.template.required_tools import TO_BUILD, TO_RUN, missing_tools, remedy
from tests.stack import ROOT, Stack, eventually, running_stack

# Several times what a quiet machine of two cores needs.
TEMPLATE_SECONDS, DEPLOY_SECONDS, CHANGE_SECONDS = 1500.0, 1800.0, 1500.0
READY_SECONDS = 300  # for a game that is made to break: the manifest's ten minutes are long
GAME = "minecraft-java"
MOTD = 'The "stand-in" of ünd {{ nobody }}'
SETTINGS = {"eula": True, "version": "0.1", "motd": MOTD, "max_players": 7}
RCON = (ROOT / "playbooks/roles/rcon/files/game-rcon").read_bytes()
OPEN_RCON = r"""
printf 'enable-rcon=true\nrcon.port=25575\nrcon.password=s3cret\n' >>/etc/minecraft.properties
echo '{"host": "127.0.0.1", "port": 25575, "password": "s3cret"}' >/root/rcon.json
systemctl restart minecraft
"""

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.vm,
    pytest.mark.timeout(TEMPLATE_SECONDS + DEPLOY_SECONDS + CHANGE_SECONDS),
    pytest.mark.asyncio(loop_scope="module"),
]


@dataclass(frozen=True)
class Home:
    """A server in a machine of its own."""

    stack: Stack
    id: str
    vmid: int

    async def view(self) -> dict[str, Any]:
        return await self.stack.server(self.id)

    async def status(self) -> JavaStatusResponse:
        """Ask as the game's own multiplayer list would."""
        host, _, port = (await self.view())["connect"].rpartition(":")
        return await JavaServer(host, int(port), timeout=20).async_status()

    async def does(self, method: str, path: str, body: dict[str, Any]) -> dict[str, Any]:
        """Have it changed; return the operation at its end."""
        answer = await self.stack.call(method, f"/v1/servers/{self.id}{path}", json=body)
        assert answer.status_code == 202, answer.text
        asked = answer.json()
        return await self.stack.finished(asked["id"], within=CHANGE_SECONDS)

    async def inside(self, *command: str, stdin: bytes = b"") -> str:
        """Run a command in the guest by its agent; QEMU's sockets are in the lab's folder."""
        done = await (await self.guest()).agent_exec(command, stdin)
        assert done.exit_code == 0, done
        return done.out.decode()

    async def guest(self) -> QemuGuest:
        config = GuestConfig(
            vmid=self.vmid,
            name="looked-at",
            directory=self.stack.data / "lab" / "guests" / str(self.vmid),
            template="",
            cores=1,
            memory_mib=1024,
            disk_bytes=0,
            mac="",
        )
        return await open_guests(DEFAULT_CACHE.expanduser()).adopt(config)


def skip_unless_able() -> None:
    root = os.geteuid() == 0
    missing = missing_tools(root=root, tools=(*TO_RUN, *TO_BUILD, COMPILER))
    if missing:
        reason = f"a real machine needs tools that are not here; {remedy(missing, root=root)}"
        assert not os.environ.get("SPAWNYARD_REQUIRE_VM"), reason
        pytest.skip(reason)


def make_playbooks(place: Path) -> Path:
    """Copy the project's playbooks; only how long is waited for a game differs."""
    shutil.copytree(ROOT / "playbooks", place)
    file = place / "games" / GAME / "game.yml"
    manifest = yaml.safe_load(file.read_text())
    manifest["ready"]["timeout"] = READY_SECONDS
    file.write_text(yaml.safe_dump(manifest))
    return place


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def home(tmp_path_factory: pytest.TempPathFactory) -> AsyncGenerator[Home]:
    skip_unless_able()
    folder = tmp_path_factory.mktemp("vm")
    async with running_stack(
        Stack(
            folder / "data",
            environment={"SPAWNYARD_PLAYBOOKS": str(make_playbooks(folder / "playbooks"))},
            options=("--vm", "--stand-ins"),
            starts_within=TEMPLATE_SECONDS,
        )
    ) as stack:
        asked = await stack.deploy(GAME, plan="medium", settings=SETTINGS)
        ended = await stack.finished(asked["id"], within=DEPLOY_SECONDS)
        assert ended["state"] == "succeeded", ended
        [vm] = await stack.vms()
        yield Home(stack, asked["server_id"], vm["vmid"])


async def test_the_deployed_server_answers_the_multiplayer_list(home: Home) -> None:
    told = await home.status()

    assert told.version.name == "0.1"
    assert told.motd.to_plain() == MOTD
    assert (told.players.online, told.players.max) == (0, 7)
    lock = (await home.view())["lock"]
    assert (lock["version"], lock["runtime"]) == ("0.1", {"java": "21"})
    assert lock["artefacts"][0]["checksum"].startswith("sha1:")


async def test_its_remote_console_obeys(home: Home) -> None:
    await home.inside("/bin/sh", "-ec", OPEN_RCON)

    async def answers() -> bool:
        return "RCON running" in await home.inside("journalctl", "-u", "minecraft", "--lines=5")

    await eventually(answers, within=CHANGE_SECONDS, every=2)
    ask = ("/usr/bin/python3", "-", "/root/rcon.json")
    told = await home.inside(*ask, "list", "pretend join Ada", "save-all", stdin=RCON)

    assert told.splitlines() == [
        "There are 0 of a max of 7 players online: ",
        "There are 1 of a max of 7 players online: Ada",
        "Saved the game",
    ]
    assert (await home.status()).players.online == 1


async def test_an_update_installs_the_next_version_in_the_same_world(home: Home) -> None:
    ended = await home.does("POST", "/update", {"version": "0.2"})

    assert ended["state"] == "succeeded", ended
    assert (await home.status()).version.name == "0.2"
    world = await home.inside("cat", "/srv/minecraft/world/level.dat")
    assert world.startswith("0.2 ")
    assert int(world.split()[1]) > 0, "the former version did not save its world"


async def test_an_update_that_breaks_the_world_is_taken_back_with_the_disk(home: Home) -> None:
    await home.inside("/bin/sh", "-ec", "echo kept >/srv/minecraft/marker")

    ended = await home.does("POST", "/update", {"version": "0.3"})

    assert ended["state"] == "failed", ended
    assert ended["error"]["step"] == "ready"
    view = await home.view()
    assert (view["phase"], view["lock"]["version"]) == ("running", "0.2")
    assert (await home.status()).version.name == "0.2"
    # Without the snapshot the older version refuses the world that the newer one has touched.
    assert (await home.inside("cat", "/srv/minecraft/world/level.dat")).startswith("0.2 ")
    assert await home.inside("cat", "/srv/minecraft/marker") == "kept\n"


async def test_another_plan_gives_the_guest_more_of_everything(home: Home) -> None:
    before = await size_of(home)

    ended = await home.does("PATCH", "", {"plan": "large"})

    assert ended["state"] == "succeeded", ended
    assert before == (2, 4, 20)
    assert await size_of(home) == (4, 8, 40)
    assert (await home.status()).version.name == "0.2"


async def size_of(home: Home) -> tuple[int, int, int]:
    """Return the guest's cores, and its memory and file system in GiB."""
    told = await home.inside(
        "/bin/sh", "-ec", "nproc; grep MemTotal /proc/meminfo; df --output=size -BM / | tail -1"
    )
    cores, memory, disk = told.splitlines()
    # The kernel keeps a little of the memory, the file system of the disk.
    return int(cores), round(int(memory.split()[1]) / 1e6), round(int(disk.strip(" M")) / 1004)


async def test_a_deleted_server_leaves_no_machine(home: Home) -> None:
    guest = await home.guest()
    ended = await home.does("DELETE", "", {})

    assert ended["state"] == "succeeded", ended
    assert await home.stack.vms() == []
    assert not guest.running
