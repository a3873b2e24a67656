"""A simulated guest's agent and snapshots: answers from the model, and a disk that comes back."""

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from proxmox_lab.guests.port import GuestConfig, GuestFailure
from proxmox_lab.guests.simulated.guests import SimulatedGuests


@pytest.fixture
async def guests(tmp_path: Path) -> AsyncIterator[SimulatedGuests]:
    made = SimulatedGuests(tmp_path, boot_seconds=0.0)
    yield made
    await made.close()


def config_in(directory: Path) -> GuestConfig:
    return GuestConfig(
        vmid=4711,
        name="one",
        directory=directory / "4711",
        template="debian-13-cloud",
        cores=2,
        memory_mib=512,
        disk_bytes=2 << 30,
        mac="BC:24:11:00:00:02",
    )


async def test_a_rollback_brings_files_back_small_and_large(
    guests: SimulatedGuests, tmp_path: Path
) -> None:
    config = config_in(tmp_path)
    guest = await guests.create(config)
    guest._inside.agent.up = True
    await guest.agent_write_file("/srv/large", b"a" * 100_000)
    await guest.agent_write_file("/srv/small", b"a")
    await guests.snapshot(config, "before")
    await guest.agent_write_file("/srv/large", b"b" * 100_000)
    await guest.agent_write_file("/srv/small", b"b")
    await guest.stop()

    again = await guests.roll_back(config, "before")

    again._inside.agent.up = True
    assert not again.running
    assert await again.agent_read_file("/srv/large") == b"a" * 100_000
    assert await again.agent_read_file("/srv/small") == b"a"


async def test_a_forgotten_snapshot_leaves_nothing(guests: SimulatedGuests, tmp_path: Path) -> None:
    config = config_in(tmp_path)
    await guests.create(config)
    await guests.snapshot(config, "one")

    await guests.forget_snapshot(config, "one")

    assert list((config.directory / "snapshots").iterdir()) == []


async def test_the_agent_tells_what_the_model_knows(
    guests: SimulatedGuests, tmp_path: Path
) -> None:
    guest = await guests.create(config_in(tmp_path))
    guest._inside.agent.up = True

    system = await guest.agent_ask("guest-get-osinfo", {})
    assert isinstance(system, dict)
    assert system["id"] == "debian"
    assert await guest.agent_ask("guest-fsfreeze-status", {}) == "thawed"
    assert await guest.agent_ask("guest-fsfreeze-freeze", {}) == 1
    assert await guest.agent_ask("guest-fsfreeze-status", {}) == "frozen"
    with pytest.raises(GuestFailure, match="has not been found"):
        await guest.agent_ask("guest-make-coffee", {})


async def test_a_guest_under_another_name_is_another_instance_with_another_host_key(
    guests: SimulatedGuests, tmp_path: Path
) -> None:
    config = config_in(tmp_path)
    guest = await guests.create(config)
    keys: list[bytes] = []
    for name in ("one", "one", "two"):
        await guest.start(replace(config, name=name))
        while not await guest.agent_ping():
            await asyncio.sleep(0.01)
        keys.append(await guest.agent_read_file("/etc/ssh/ssh_host_ed25519_key.pub"))
        status = json.loads(await guest.agent_read_file("/run/cloud-init/status.json"))
        assert status["v1"]["init"]["finished"]
        await guest.stop()

    assert keys[0] == keys[1] != keys[2]
