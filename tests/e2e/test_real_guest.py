"""A real Debian guest under QEMU: built, cloned, booted, reached, asked, found again, removed."""

import asyncio
import os
import sys
from collections.abc import AsyncGenerator, Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path

import asyncssh
import pytest
import pytest_asyncio

from provisioner.adapters.query import GameQueries
from provisioner.domain.errors import NotYet
from proxmox_lab.guests.port import GuestConfig, GuestFailure
from proxmox_lab.guests.qemu import QemuGuests, open_guests
from proxmox_lab.guests.qemu.accel import Accel
from proxmox_lab.guests.qemu.guest import QemuGuest
from proxmox_lab.guests.qemu.probe import works
from proxmox_lab.template.__main__ import DEFAULT_CACHE
from proxmox_lab.template.built import latest_template
from proxmox_lab.template.required_tools import missing_tools, remedy

# Several times what a quiet machine of two cores needs: 50 s, 20 s and 60 s.
BUILD_SECONDS, BOOT_SECONDS, PLAY_SECONDS = 900.0, 300.0, 900.0
HOST_KEY = "/etc/ssh/ssh_host_ed25519_key.pub"
PLAYBOOKS = Path(__file__).parents[2] / "playbooks"
GAME = """{"game": "luanti", "unit": "luanti-server", "ports": {"game": 30000},
 "memory_mib": 1024, "download_base": "", "lock": {"artefacts": []},
 "settings": {"server_name": "Arena", "motd": "Hello", "max_users": 15, "creative_mode": false,
              "enable_damage": true, "enable_pvp": true, "admin_name": "", "password": ""}}"""

pytestmark = [
    pytest.mark.vm,
    pytest.mark.timeout(BUILD_SECONDS + BOOT_SECONDS * 2 + PLAY_SECONDS),
    pytest.mark.asyncio(loop_scope="module"),
]


@dataclass(frozen=True)
class House:
    """A started guest and what is needed to talk to it."""

    guests: QemuGuests
    guest: QemuGuest
    config: GuestConfig
    key: Path

    async def known_hosts(self) -> str:
        """Return the host key, as the guest's agent tells it, in the client's words."""
        told = (await self.guest.agent_read_file(HOST_KEY)).decode()
        reach = self.guest.reach()
        standard = reach.ssh_port == 22
        name = reach.ssh_host if standard else f"[{reach.ssh_host}]:{reach.ssh_port}"
        return f"{name} {told}"

    async def over_ssh(self, command: str) -> str:
        """Run a command as the guest's user; the host key is the one its agent tells."""
        reach = self.guest.reach()
        known = asyncssh.import_known_hosts(await self.known_hosts())
        async with asyncssh.connect(
            reach.ssh_host,
            reach.ssh_port,
            username=self.config.user,
            client_keys=[str(self.key)],
            known_hosts=known,
        ) as connection:
            done = await connection.run(command, check=True)
        return str(done.stdout).strip()


async def until(truth: Callable[[], Awaitable[bool]], seconds: float) -> None:
    async with asyncio.timeout(seconds):
        while not await truth():
            await asyncio.sleep(0.5)


async def run(*command: str, seconds: float, **environment: str) -> str:
    process = await asyncio.create_subprocess_exec(
        *command,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        env={**os.environ, **environment},
    )
    try:
        out, _ = await asyncio.wait_for(process.communicate(), seconds)
    finally:
        if process.returncode is None:
            process.terminate()
            await process.wait()
    assert process.returncode == 0, out.decode()
    return out.decode()


@pytest.fixture(scope="module")
def able() -> None:
    """Skip where real guests cannot run, unless they were asked for."""
    root = os.geteuid() == 0
    missing = missing_tools(root=root)
    if not missing:
        return
    names = ", ".join(tool.name for tool in missing)
    reason = f"no real guests here, missing: {names}; install: {remedy(missing, root=root)}"
    if os.environ.get("SPAWNYARD_REQUIRE_VM") == "1":
        pytest.fail(reason)
    pytest.skip(reason)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def cache(able: None) -> Path:
    folder = DEFAULT_CACHE.expanduser()
    build = ("-m", "proxmox_lab.template", "--cache", str(folder))
    await run(sys.executable, *build, seconds=BUILD_SECONDS)
    return folder


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def house(cache: Path, tmp_path_factory: pytest.TempPathFactory) -> AsyncGenerator[House]:
    folder = tmp_path_factory.mktemp("vm")
    key = asyncssh.generate_private_key("ssh-ed25519")
    key.write_private_key(str(folder / "id"))
    (folder / "id").chmod(0o600)
    config = GuestConfig(
        vmid=999_900 + os.getpid() % 90,
        name="arena",
        directory=folder / "guest",
        template="debian-13-cloud",
        cores=2,
        memory_mib=1024,
        disk_bytes=2 << 30,
        mac="BC:24:11:0A:0B:0C",
        user="yard",
        ssh_keys=(key.export_public_key().decode().strip(),),
        address="10.77.0.5/16",
        gateway="10.77.0.1",
        ports=(("udp", 30_000),),
    )
    guests = open_guests(cache, stop_on_close=True)
    guest = await guests.create(config)
    await guests.resize(config, 4 << 30)
    try:
        await guest.start(config)
        await until(guest.agent_ping, BOOT_SECONDS)
        house = House(guests=guests, guest=guest, config=config, key=folder / "id")
        await until(lambda: answers_ssh(house), BOOT_SECONDS)
        yield house
    finally:
        await guests.close()


async def answers_ssh(house: House) -> bool:
    try:
        await house.over_ssh("cloud-init status --wait || [ $? = 2 ]")
    except (OSError, asyncssh.Error, GuestFailure):
        return False
    return True


async def test_the_accelerators_probe_sees_a_kernel_live(cache: Path) -> None:
    template = latest_template(cache)

    assert template is not None
    assert await works(Accel.TCG, template, seconds=BOOT_SECONDS)


async def test_cloud_init_did_what_the_machine_is_configured_for(house: House) -> None:
    told = await house.over_ssh("hostname; sudo id -u; df --output=size -BM / | tail -1; ip route")

    name, user, size, *routes = told.splitlines()
    assert (name, user) == ("arena", "0")
    assert int(size.strip(" M")) > 3500
    assert routes[0].startswith("default via 10.77.0.1")


async def test_the_agent_tells_the_guests_true_address(house: House) -> None:
    found = {one.name: one for one in await house.guest.agent_interfaces()}

    assert found["eth0"].mac == "bc:24:11:0a:0b:0c"
    assert "10.77.0.5/16" in found["eth0"].addresses


async def test_the_agent_runs_commands_and_quotes_the_guests_errors(house: House) -> None:
    done = await house.guest.agent_exec(("/bin/sh", "-c", "cat; exit 3"), b"hello")

    assert (done.exit_code, done.out) == (3, b"hello")
    with pytest.raises(GuestFailure, match="No such file"):
        await house.guest.agent_read_file("/no/such/file")


async def test_a_restarted_lab_finds_its_guest_running(house: House, cache: Path) -> None:
    later = await open_guests(cache).adopt(house.config)

    assert later.running
    assert later.uptime > 1
    assert later.reach() == house.guest.reach()


async def test_the_playbook_makes_it_a_game_server_that_answers_clients(house: House) -> None:
    reach = house.guest.reach()
    known = house.key.with_name("known_hosts")
    known.write_text(await house.known_hosts())
    inventory = house.key.with_name("inventory.ini")
    inventory.write_text(
        f"guest ansible_host={reach.ssh_host} ansible_port={reach.ssh_port} ansible_user=yard "
        f"ansible_ssh_private_key_file={house.key} ansible_python_interpreter=/usr/bin/python3 "
        f"ansible_ssh_common_args='-o UserKnownHostsFile={known} -o StrictHostKeyChecking=yes'\n"
    )
    play = (str(Path(sys.executable).with_name("ansible-playbook")), str(PLAYBOOKS / "site.yml"))

    await run(*play, "-i", str(inventory), "-e", GAME, seconds=PLAY_SECONDS, ANSIBLE_PIPELINING="1")

    async def answers() -> bool:
        try:
            return bool(await GameQueries().ask("luanti", reach.public_host, 30_000))
        except NotYet:
            return False

    await until(answers, BOOT_SECONDS)


async def test_power_off_and_on_again_leaves_identity_and_reach(house: House) -> None:
    host_key, reach = await house.guest.agent_read_file(HOST_KEY), house.guest.reach()

    assert await house.guest.shutdown(BOOT_SECONDS)
    assert not house.guest.running
    await house.guest.start(house.config)
    await until(house.guest.agent_ping, BOOT_SECONDS)

    assert await house.guest.agent_read_file(HOST_KEY) == host_key
    assert house.guest.reach() == reach


async def test_a_removed_guest_leaves_nothing_behind(house: House) -> None:
    await house.guests.destroy(house.config)

    assert not house.guest.running
    assert not (house.config.directory / "disk.qcow2").exists()
    with pytest.raises(GuestFailure, match="lost its disk"):
        await house.guests.adopt(house.config)
