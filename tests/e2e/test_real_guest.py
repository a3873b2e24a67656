"""A real Debian guest under QEMU: built, cloned, booted, reached, asked, found again, removed."""

import sys
from collections.abc import AsyncGenerator
from pathlib import Path

import pytest
import pytest_asyncio

from provisioner.adapters.query import GameQueries
from provisioner.domain.errors import NotYet
from proxmox_lab.guests.port import GuestFailure
from proxmox_lab.guests.qemu import open_guests
from proxmox_lab.guests.qemu.accel import Accel
from proxmox_lab.guests.qemu.probe import works
from proxmox_lab.template.built import latest_template
from tests.e2e.real_vms import (
    BOOT_SECONDS,
    BUILD_SECONDS,
    HOST_KEY,
    PLAY_SECONDS,
    House,
    machine_config,
    run,
    until,
    until_awake,
)

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


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def house(cache: Path, tmp_path_factory: pytest.TempPathFactory) -> AsyncGenerator[House]:
    folder = tmp_path_factory.mktemp("vm")
    config = machine_config(5, folder, folder / "id")
    guests = open_guests(cache, stop_on_close=True)
    guest = await guests.create(config)
    await guests.resize(config, 4 << 30)
    try:
        await guest.start(config)
        house = House(guests=guests, guest=guest, config=config, key=folder / "id")
        await until_awake(house)
        yield house
    finally:
        await guests.close()


async def test_the_accelerators_probe_sees_a_kernel_live(cache: Path) -> None:
    template = latest_template(cache)

    assert template is not None
    assert await works(Accel.TCG, template, seconds=BOOT_SECONDS)


async def test_cloud_init_did_what_the_machine_is_configured_for(house: House) -> None:
    told = await house.over_ssh("hostname; sudo id -u; df --output=size -BM / | tail -1; ip route")

    name, user, size, *routes = told.splitlines()
    assert (name, user) == ("arena5", "0")
    assert int(size.strip(" M")) > 3500
    assert routes[0].startswith("default via 10.77.0.1")


async def test_the_agent_tells_the_guests_true_address(house: House) -> None:
    found = {one.name: one for one in await house.guest.agent_interfaces()}

    assert found["eth0"].mac == "bc:24:11:0a:0b:05"
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
