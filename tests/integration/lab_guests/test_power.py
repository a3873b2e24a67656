"""Power, agent and disk of a simulated guest."""

import asyncio
import contextlib
import socket
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import asyncssh
import pytest

from proxmox_lab.guests.port import GuestFailure
from proxmox_lab.guests.simulated import SimulatedGuest, SimulatedGuests
from proxmox_lab.guests.simulated.loopback import addresses
from proxmox_lab.machines.guesthouse import Guesthouse
from proxmox_lab.site.seed import TEMPLATE_ID, fresh_site
from tests.integration.lab_guests.conftest import (
    HOST_KEY,
    QUICK,
    Yard,
    other_lab,
    until_it_answers,
)

pytestmark = pytest.mark.integration


async def ssh(yard: Yard, guest, command: str, **more) -> asyncssh.SSHCompletedProcess:
    reach = guest.reach()
    known = await yard.known_hosts(guest)
    options = {"username": "yard", "client_keys": [str(yard.key)], "config": None} | more
    async with asyncssh.connect(
        reach.ssh_host, reach.ssh_port, known_hosts=str(known), **options
    ) as connection:
        return await connection.run(command)


async def test_a_guest_boots_and_its_agent_answers_before_ssh_does(yard: Yard) -> None:
    yard.guests = SimulatedGuests(yard.folder, boot_seconds=5)  # so that we look in between
    guest = await yard.guests.create(yard.config)
    assert not guest.running
    assert not await guest.agent_ping()

    await guest.start(yard.config)
    assert guest.running
    with pytest.raises(GuestFailure, match="QEMU guest agent is not running"):
        await guest.agent_read_file(HOST_KEY)
    async with asyncio.timeout(60):
        while not await guest.agent_ping():
            await asyncio.sleep(0.005)
    with pytest.raises(OSError, match="Connect call failed"):
        await asyncio.open_connection(guest.reach().ssh_host, guest.reach().ssh_port)
    await until_it_answers(guest)

    _, card = await guest.agent_interfaces()
    assert card.addresses == ("10.77.0.5/16",)
    assert (await guest.agent_exec(["uname", "-m"], b"")).out == b"x86_64\n"
    with pytest.raises(GuestFailure, match="failed to open file '/nowhere'"):
        await guest.agent_read_file("/nowhere")


async def test_the_key_that_the_agent_reads_is_the_key_that_ssh_presents(yard: Yard) -> None:
    guest = await yard.start()

    result = await ssh(yard, guest, "id -un; hostname; sudo -n id -un")

    assert result.stdout == "yard\narena\nroot\n"


@pytest.mark.parametrize("more", [{"username": "root"}, {"client_keys": []}])
async def test_strangers_are_not_let_in(yard: Yard, more: dict[str, Any]) -> None:
    guest = await yard.start()
    if more.get("client_keys") == []:
        more = {"client_keys": [asyncssh.generate_private_key("ssh-ed25519")]}

    with pytest.raises(asyncssh.PermissionDenied):
        await ssh(yard, guest, "id", **more)


async def test_files_come_and_go_by_sftp_under_the_user_s_permissions(yard: Yard) -> None:
    guest = await yard.start()
    reach, known = guest.reach(), await yard.known_hosts(guest)

    async with asyncssh.connect(
        reach.ssh_host, reach.ssh_port, username="yard", client_keys=[str(yard.key)],
        known_hosts=str(known), config=None,
    ) as connection, connection.start_sftp_client() as sftp:  # fmt: skip
        async with sftp.open("data", "wb") as file:
            await file.write(b"x" * 200_000)
        async with sftp.open("/home/yard/data", "rb") as file:
            assert await file.read() == b"x" * 200_000
        with pytest.raises(asyncssh.SFTPPermissionDenied):
            await sftp.open("/etc/data", "wb")
        with pytest.raises(asyncssh.SFTPNoSuchFile):
            await sftp.stat("/nowhere")
        assert "data" in await sftp.listdir(".")
        await sftp.remove("data")

    assert "/home/yard/data" not in guest.state()["files"]


async def test_the_disk_survives_a_power_cut_and_services_come_back(yard: Yard) -> None:
    guest = await yard.start()
    key = await guest.agent_read_file(HOST_KEY)
    await ssh(yard, guest, "echo kept > mine; sudo -n systemctl enable ssh")

    reach = guest.reach()
    await guest.stop()
    assert not guest.running
    with pytest.raises(OSError, match="Connect call failed"):
        await asyncio.open_connection(reach.ssh_host, reach.ssh_port)
    await guest.start(yard.config)
    await until_it_answers(guest)

    assert (await ssh(yard, guest, "cat mine")).stdout == "kept\n"
    assert await guest.agent_read_file(HOST_KEY) == key


async def test_a_lab_that_was_killed_finds_its_guests_running_again(yard: Yard) -> None:
    guest = await yard.start()
    await ssh(yard, guest, "echo kept > mine")
    await asyncio.sleep(0.4)  # longer than a write may wait
    before = guest.reach()
    await guest.halt()  # as good as dead: nothing is said to the disk

    after = other_lab(yard)
    adopted = await after.guests.adopt(yard.config)
    await until_it_answers(adopted)

    assert adopted.running
    assert adopted.reach() == before
    assert (await ssh(after, adopted, "cat mine")).stdout == "kept\n"
    await after.guests.close()


async def test_twice_is_once_for_every_verb(yard: Yard) -> None:
    guest = await yard.start()
    reach = guest.reach()

    await guest.start(yard.config)
    assert guest.reach() == reach
    assert await guest.shutdown(5)
    assert await guest.shutdown(5)
    await guest.stop()
    await guest.reset()
    await until_it_answers(guest)
    await guest.reboot(5)
    await until_it_answers(guest)
    assert guest.uptime < 5
    await yard.guests.destroy(yard.config)
    await yard.guests.destroy(yard.config)

    assert not yard.config.directory.exists()
    with pytest.raises(GuestFailure, match="not running"):
        guest.reach()


async def test_a_guest_can_restart_itself(yard: Yard) -> None:
    guest = await yard.start()

    async def boot_id() -> str:
        # Who is let in by a server that is just closing may hear nothing more of it.
        with contextlib.suppress(OSError, asyncssh.Error, GuestFailure):
            told = await ssh(yard, guest, "cat /proc/sys/kernel/random/boot_id", connect_timeout=5)
            return str(told.stdout)
        return ""

    before = await boot_id()
    with contextlib.suppress(asyncssh.Error):
        await ssh(yard, guest, "sudo -n reboot")

    async with asyncio.timeout(60):
        while await boot_id() in ("", before):
            await asyncio.sleep(0.02)


async def test_a_destroyed_guest_does_not_come_back(yard: Yard) -> None:
    guest = await yard.start()
    reach = guest.reach()

    await guest.agent_exec(["reboot"], b"")
    await yard.guests.destroy(yard.config)
    await asyncio.sleep(0.5)

    assert not guest.running
    assert not yard.config.directory.exists()
    with pytest.raises(OSError, match="Connect call failed"):
        await asyncio.open_connection(reach.ssh_host, reach.ssh_port)


async def test_large_files_leave_with_their_names(yard: Yard) -> None:
    guest = await yard.start()
    await guest.agent_exec(["tee", "/big", "/other"], b"b" * 100_000)
    await guest.agent_exec(["tee", "/big"], b"c" * 100_000)
    await guest.agent_exec(["rm", "/other"], b"")

    await guest.stop()

    assert len(list((yard.config.directory / "blobs").iterdir())) == 1


async def test_a_guest_that_boots_is_not_shut_down_before_it_has_heard(yard: Yard) -> None:
    guest = await yard.guests.create(yard.config)
    await guest.start(yard.config)

    assert not await guest.shutdown(0.01)
    assert guest.running
    assert await guest.shutdown(5)


async def test_two_labs_with_the_same_vm_id_do_not_meet(
    yard: Yard, make_yard: Callable[[str], Yard]
) -> None:
    other = make_yard("other")
    first = await yard.start()
    second = await other.start()

    assert first.reach().ssh_host != second.reach().ssh_host
    assert (await ssh(other, second, "id -un")).stdout == "yard\n"
    await other.guests.close()


def occupy(occupant: socket.socket, vmid: int) -> int:
    """Listen on port 22 of a VM's first address: of this id, or the next whose is free."""
    # Connections of an earlier guest there may not have faded away yet.
    occupant.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    for candidate in range(vmid, vmid + 100):
        with contextlib.suppress(OSError):
            occupant.bind((next(addresses(candidate)), 22))
            occupant.listen()
            return candidate
    return vmid  # port 22 is for root alone: then 2222 is used in any case


async def test_ssh_moves_to_2222_where_22_is_not_to_be_had(yard: Yard) -> None:
    with socket.socket() as occupant:
        yard.config = replace(yard.config, vmid=occupy(occupant, yard.config.vmid))
        guest = await yard.start()

        assert guest.reach().ssh_port == 2222
        assert (await ssh(yard, guest, "id -un")).stdout == "yard\n"


async def test_the_map_tells_every_port_on_the_guest_s_own_address(yard: Yard) -> None:
    guest = await yard.start()

    reach = guest.reach()

    assert reach.public_host == reach.ssh_host != "127.0.0.1"
    assert [(p.protocol, p.guest_port, p.public_port) for p in reach.ports] == [
        ("udp", 30000, 30000),
        ("tcp", 25565, 25565),
    ]


async def test_what_can_be_read_back_holds_no_secret(yard: Yard) -> None:
    guest = await yard.start()

    assert "PRIVATE KEY" not in str(guest.state())
    assert guest.state()["listening"]["tcp"] == [22]


async def test_a_guest_that_is_cut_off_in_its_first_boot_begins_it_anew(tmp_path: Path) -> None:
    site, _ = fresh_site(major=9, now=0)
    machine = site.machines[TEMPLATE_ID]
    first = Guesthouse(SimulatedGuests(tmp_path, boot_seconds=3600), tmp_path)
    await first.start(machine)
    machine.powered = True
    killed = first.find(TEMPLATE_ID)
    assert isinstance(killed, SimulatedGuest)
    await killed.halt()

    second = Guesthouse(guests := SimulatedGuests(tmp_path, boot_seconds=QUICK), tmp_path)
    await second.wake(site)
    again = second.find(TEMPLATE_ID)
    assert isinstance(again, SimulatedGuest)
    await until_it_answers(again)

    assert again.state()["hostname"] == machine.name
    await guests.close()
