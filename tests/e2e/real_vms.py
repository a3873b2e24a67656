"""Real Debian guests for tests: what one is, and whether they can run here."""

import asyncio
import os
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path

import asyncssh

from proxmox_lab.guests.port import GuestConfig, GuestFailure
from proxmox_lab.guests.qemu import QemuGuests
from proxmox_lab.guests.qemu.guest import QemuGuest

# Several times what a quiet machine of two cores needs: 50 s, 20 s and 60 s.
BUILD_SECONDS, BOOT_SECONDS, PLAY_SECONDS = 900.0, 300.0, 900.0
HOST_KEY = "/etc/ssh/ssh_host_ed25519_key.pub"


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


async def answers_ssh(house: House) -> bool:
    try:
        await house.over_ssh("cloud-init status --wait || [ $? = 2 ]")
    except (OSError, asyncssh.Error, GuestFailure):
        return False
    return True


def machine_config(number: int, folder: Path, key: Path) -> GuestConfig:
    """Return a machine of 2 cores and 1 GiB, whose disk may grow; the key is made if need be."""
    if not key.exists():
        asyncssh.generate_private_key("ssh-ed25519").write_private_key(str(key))
        key.chmod(0o600)
    public = asyncssh.read_private_key(str(key)).export_public_key()
    return GuestConfig(
        vmid=999_000 + number * 100 + os.getpid() % 90,
        name=f"arena{number}",
        directory=folder / f"guest{number}",
        template="debian-13-cloud",
        cores=2,
        memory_mib=1024,
        disk_bytes=2 << 30,
        mac=f"BC:24:11:0A:0B:{number:02X}",
        user="yard",
        ssh_keys=(public.decode().strip(),),
        address=f"10.77.0.{number}/16",
        gateway="10.77.0.1",
        ports=(("udp", 30_000),),
    )


async def until_awake(house: House) -> None:
    """Wait until the guest's agent and SSH answer and its first boot has settled."""
    await until(house.guest.agent_ping, BOOT_SECONDS)
    await until(lambda: answers_ssh(house), BOOT_SECONDS)
