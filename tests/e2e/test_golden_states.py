"""Real guests that were resumed from one saved boot: alike in nothing that is a machine's own."""

import time
from collections.abc import AsyncGenerator, Generator
from dataclasses import dataclass
from pathlib import Path

import pytest
import pytest_asyncio

from proxmox_lab.guests.qemu import QemuGuests, open_guests
from proxmox_lab.guests.qemu.runs import Runs
from proxmox_lab.template.built import LATEST, latest_template
from tests.e2e.real_vms import (
    BOOT_SECONDS,
    BUILD_SECONDS,
    HOST_KEY,
    House,
    machine_config,
    until,
    until_awake,
)

OWN = "hostname; cat /etc/machine-id /sys/class/net/eth0/address; date +%s"
RESUMED = "resumed from the golden state"

pytestmark = [
    pytest.mark.vm,
    pytest.mark.timeout(BUILD_SECONDS + BOOT_SECONDS * 4),
    pytest.mark.asyncio(loop_scope="module"),
]


@dataclass(frozen=True)
class Own:
    """What must be a machine's own."""

    name: str
    id: str
    mac: str
    clock_is_right: bool
    host_key: bytes


async def own(house: House) -> Own:
    name, machine, mac, clock = (await house.over_ssh(OWN)).splitlines()
    return Own(
        name=name,
        id=machine,
        mac=mac,
        clock_is_right=abs(float(clock) - time.time()) < 10,
        host_key=await house.guest.agent_read_file(HOST_KEY),
    )


async def resumed(guests: QemuGuests, number: int, folder: Path) -> House:
    config = machine_config(number, folder, folder / "id")
    guest = await guests.create(config)
    await guests.resize(config, 4 << 30)
    assert await guest.start(config) == RESUMED
    house = House(guests=guests, guest=guest, config=config, key=folder / "id")
    await until_awake(house)
    return house


@pytest.fixture(scope="module", autouse=True)
def emulated() -> Generator[None]:
    """Where KVM works, machines boot: there is nothing to be resumed."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LAB_ACCEL", "tcg")
        yield


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("vm")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def guests(cache: Path) -> AsyncGenerator[QemuGuests]:
    guests = open_guests(cache, stop_on_close=True)
    try:
        yield guests
    finally:
        await guests.close()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def house(guests: QemuGuests, folder: Path) -> House:
    return await resumed(guests, 6, folder)


async def test_two_of_one_state_share_neither_keys_nor_ids(
    house: House, guests: QemuGuests, folder: Path
) -> None:
    other = await resumed(guests, 7, folder)

    one, two = await own(house), await own(other)

    assert (one.name, two.name) == ("arena6", "arena7")
    assert (one.mac, two.mac) == ("bc:24:11:0a:0b:06", "bc:24:11:0a:0b:07")
    assert one.id != two.id
    assert one.host_key != two.host_key
    assert one.clock_is_right
    assert two.clock_is_right
    await guests.destroy(other.config)


async def test_its_disk_is_as_large_as_was_asked(house: House) -> None:
    assert int((await house.over_ssh("df --output=size -BM / | tail -1")).strip(" M")) > 3500


async def test_a_restarted_lab_adopts_it(house: House, cache: Path) -> None:
    later = await open_guests(cache).adopt(house.config)

    assert later.running
    assert await later.agent_ping()


async def test_a_snapshot_of_its_disk_is_brought_back(house: House, guests: QemuGuests) -> None:
    await house.over_ssh("echo before | sudo tee /etc/mark; sync")
    await guests.snapshot(house.config, "before")
    await house.over_ssh("echo after | sudo tee /etc/mark; sync")
    before = await own(house)

    assert await house.guest.shutdown(BOOT_SECONDS)
    await guests.roll_back(house.config, "before")
    assert await house.guest.start(house.config) is None
    await until_awake(house)

    assert await house.over_ssh("cat /etc/mark") == "before"
    assert await own(house) == before


async def test_after_a_reset_it_is_itself(house: House) -> None:
    before, reach = await own(house), house.guest.reach()
    boot = await house.over_ssh("cat /proc/sys/kernel/random/boot_id")

    await house.guest.reset()

    async def is_back() -> bool:
        try:
            return boot != await house.over_ssh("cat /proc/sys/kernel/random/boot_id")
        except Exception:  # noqa: BLE001 (it is down and coming up: any way of not answering)
            return False

    await until(is_back, BOOT_SECONDS)
    await until_awake(house)
    assert await own(house) == before
    assert house.guest.reach() == reach


async def test_a_start_that_was_cut_off_is_ended_and_made_anew(
    guests: QemuGuests, cache: Path, folder: Path
) -> None:
    config = machine_config(9, folder, folder / "id")
    cut = await guests.create(config)
    await cut.start(config)
    alive = Runs(config.directory).find_alive()
    assert alive is not None
    (alive.files.folder / "unfinished").touch()  # as a lab leaves it that is killed just then
    (config.directory / "reach.json").unlink()

    later = await open_guests(cache).adopt(config)

    assert not later.running
    assert await later.start(config) == RESUMED
    assert later.running
    assert not cut.running
    await later.stop()


def with_spoiled_states(cache: Path, folder: Path) -> Path:
    """Return a cache with the same template, whose golden states are no such thing."""
    template = latest_template(cache)
    assert template is not None
    other = folder / "cache" / template.digest
    other.mkdir(parents=True)
    for file in template.directory.iterdir():
        if file.is_file():
            (other / file.name).symlink_to(file)
    for state in template.golden.glob("*/state"):
        golden = other / "golden" / state.parent.name
        golden.mkdir(parents=True)
        (golden / "disk.qcow2").symlink_to(state.with_name("disk.qcow2"))
        (golden / "state").write_bytes(b"QEVM and nothing more")
    (other.parent / LATEST).write_text(template.digest)
    return other.parent


async def test_where_the_state_is_spoiled_it_boots_and_says_so(
    house: House, cache: Path, folder: Path
) -> None:
    guests = open_guests(with_spoiled_states(cache, folder), stop_on_close=True)
    config = machine_config(8, folder, folder / "id")
    try:
        guest = await guests.create(config)
        said = await guest.start(config)

        assert said is not None
        assert said.startswith("booting, as the golden state failed")
        await until_awake(House(guests=guests, guest=guest, config=config, key=folder / "id"))
    finally:
        await guests.close()
