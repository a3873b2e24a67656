"""A fresh simulated guest, and how it is reached."""

import asyncio
import shutil
import tempfile
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from common.contracts.servers import Endpoint, PublishedPort
from provisioner.domain.inventory import Target, target
from proxmox_lab.guests.port import Guest, GuestConfig
from proxmox_lab.guests.simulated.guests import SimulatedGuests

VMID: Final = 990_101
ADDRESS: Final = "10.77.1.9"
PORT: Final = PublishedPort(name="game", protocol="udp", guest_port=30000, public_port=30000)


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """A guest that can be reached, and a folder for what belongs to it."""

    endpoint: Endpoint
    host_key: str
    key_file: Path
    folder: Path

    @property
    def target(self) -> Target:
        """The guest as SSH reaches it."""
        return target(self.endpoint, user="yard", key_file=self.key_file)


@asynccontextmanager
async def a_guest() -> AsyncGenerator[Site]:
    """Run a fresh guest for as long as the block lasts."""
    folder = Path(tempfile.mkdtemp(prefix="yard-b-"))
    guests = SimulatedGuests(folder / "lab", boot_seconds=0.1)
    try:
        key_file = await _new_key(folder)
        guest = await _booted(guests, folder=folder, key_file=key_file)
        host_key = await guest.agent_read_file("/etc/ssh/ssh_host_ed25519_key.pub")
        yield Site(
            endpoint=_endpoint(guest),
            host_key=host_key.decode().strip(),
            key_file=key_file,
            folder=folder,
        )
    finally:
        await guests.close()
        shutil.rmtree(folder, ignore_errors=True)


async def _new_key(folder: Path) -> Path:
    words = ("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(folder / "id"))
    await (await asyncio.create_subprocess_exec(*words)).wait()
    return folder / "id"


async def _booted(guests: SimulatedGuests, *, folder: Path, key_file: Path) -> Guest:
    config = GuestConfig(
        vmid=VMID,
        name="guest",
        directory=folder / "lab" / str(VMID),
        template="debian-13-cloud",
        cores=1,
        memory_mib=1024,
        disk_bytes=4 << 30,
        mac="52:54:00:00:01:01",
        user="yard",
        ssh_keys=(key_file.with_suffix(".pub").read_text().strip(),),
        address=f"{ADDRESS}/16",
        ports=((PORT.protocol, PORT.guest_port),),
    )
    guest = await guests.create(config)
    await guest.start(config)
    while not await guest.agent_ping():
        await asyncio.sleep(0.02)
    return guest


def _endpoint(guest: Guest) -> Endpoint:
    reach = guest.reach()
    return Endpoint(
        address=ADDRESS,
        ssh_host=reach.ssh_host,
        ssh_port=reach.ssh_port,
        public_host=reach.public_host,
        ports=(PORT.model_copy(update={"public_port": reach.ports[0].public_port}),),
    )
