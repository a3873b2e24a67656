"""A machine that is cloned from another begins with its disk, and shares nothing with it later."""

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from proxmox_lab.guests.port import GuestConfig, Origin
from proxmox_lab.guests.simulated.cloud_init import MACHINE_ID, run_cloud_init
from proxmox_lab.guests.simulated.guest import SimulatedGuest
from proxmox_lab.guests.simulated.guests import SimulatedGuests
from proxmox_lab.guests.simulated.ssh.server import HOST_KEY
from tests.unit.lab_guests.conftest import Bench

LARGE = b"a" * 100_000


@pytest.fixture
async def guests(tmp_path: Path) -> AsyncIterator[SimulatedGuests]:
    made = SimulatedGuests(tmp_path, boot_seconds=0.0)
    yield made
    await made.close()


def config(folder: Path, vmid: int, *, of: GuestConfig | None = None) -> GuestConfig:
    plain = GuestConfig(
        vmid=vmid,
        name=f"guest-{vmid}",
        directory=folder / str(vmid),
        template="debian-13-cloud",
        cores=2,
        memory_mib=512,
        disk_bytes=2 << 30,
        mac="BC:24:11:00:00:02",
    )
    origin = Origin(vmid=of.vmid, directory=of.directory, linked=True) if of else None
    return replace(plain, origin=origin)


async def made(guests: SimulatedGuests, wanted: GuestConfig) -> SimulatedGuest:
    """Make a guest whose agent answers, and which never runs."""
    guest = await guests.create(wanted)
    guest._inside.agent.up = True
    return guest


async def test_a_clone_begins_with_what_is_on_its_origin_now(
    guests: SimulatedGuests, tmp_path: Path
) -> None:
    first = config(tmp_path, 1)
    source = await made(guests, first)
    await source.agent_write_file("/srv/large", LARGE)

    clone = await made(guests, config(tmp_path, 2, of=first))
    await clone.agent_write_file("/srv/small", b"mine")
    await source.agent_write_file("/srv/large", b"other")

    assert await clone.agent_read_file("/srv/large") == LARGE
    assert not clone.running
    assert "/srv/small" not in source.state()["files"]


async def test_a_clone_outlives_its_origin(guests: SimulatedGuests, tmp_path: Path) -> None:
    first = config(tmp_path, 1)
    source = await made(guests, first)
    await source.agent_write_file("/srv/large", LARGE)
    clone = await made(guests, config(tmp_path, 2, of=first))

    await guests.destroy(first)

    assert await clone.agent_read_file("/srv/large") == LARGE


async def test_made_again_a_clone_keeps_what_it_has(
    guests: SimulatedGuests, tmp_path: Path
) -> None:
    first = config(tmp_path, 1)
    await made(guests, first)
    second = config(tmp_path, 2, of=first)
    clone = await made(guests, second)
    await clone.agent_write_file("/srv/small", b"mine")
    clone.save()

    again = await made(guests, second)

    assert await again.agent_read_file("/srv/small") == b"mine"


async def test_each_clone_of_a_cleaned_disk_has_an_identity_of_its_own(
    bench: Bench, tmp_path: Path
) -> None:
    machine = bench.machine
    run_cloud_init(machine, config(tmp_path, 1))
    before = [machine.files.text(path) for path in (MACHINE_ID, HOST_KEY)]
    assert (await bench.sh("cloud-init clean --logs --machine-id")).code == 0
    assert machine.disk.instance == ""

    run_cloud_init(machine, config(tmp_path, 2))

    after = [machine.files.text(path) for path in (MACHINE_ID, HOST_KEY)]
    assert all(one != other for one, other in zip(before, after, strict=True))
    assert machine.disk.hostname == "guest-2"


async def test_what_is_cleaned_is_cleaned_by_root_alone(bench: Bench) -> None:
    assert (await bench.sh("cloud-init clean", user="yard")).code != 0


async def test_where_a_policy_says_so_packages_start_nothing(bench: Bench) -> None:
    await bench.sh("mkdir -p /usr/sbin && echo 'exit 101' > /usr/sbin/policy-rc.d")
    await bench.module("apt", name="luanti-server", update_cache=True)

    assert (await bench.sh("systemctl is-active luanti-server")).out != b"active\n"
    assert (await bench.sh("systemctl is-enabled luanti-server")).out == b"enabled\n"


async def test_a_playbooks_policy_for_one_installation_starts_nothing_either(bench: Bench) -> None:
    await bench.module("apt", name="luanti-server", update_cache=True, policy_rc_d=101)

    assert (await bench.sh("systemctl is-active luanti-server")).out != b"active\n"
    assert (await bench.sh("systemctl is-enabled luanti-server")).out == b"enabled\n"
