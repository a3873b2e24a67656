"""Simulated guests with power on, and real Ansible pointed at them."""

import asyncio
import os
import sys
from collections.abc import AsyncGenerator, Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import asyncssh
import pytest
import yaml

from proxmox_lab.guests.port import GuestConfig
from proxmox_lab.guests.simulated import SimulatedGuest, SimulatedGuests

ROOT = Path(__file__).resolve().parents[3]
PLAYBOOKS = ROOT / "playbooks"
HOST_KEY = "/etc/ssh/ssh_host_ed25519_key.pub"
QUICK = 0.1


@dataclass(slots=True, kw_only=True)
class Yard:
    """A folder with a key pair, a lab's guests in it, and a way to play."""

    folder: Path
    guests: SimulatedGuests
    config: GuestConfig
    key: Path
    environment: dict[str, str] = field(default_factory=dict)

    async def start(self) -> SimulatedGuest:
        guest = await self.guests.create(self.config)
        await guest.start(self.config)
        await until_it_answers(guest)
        return guest

    async def known_hosts(self, guest: SimulatedGuest) -> Path:
        reach = guest.reach()
        key = (await guest.agent_read_file(HOST_KEY)).decode().rsplit(maxsplit=1)[0]
        place = self.folder / "known_hosts"
        port = "" if reach.ssh_port == 22 else f":{reach.ssh_port}"
        name = f"[{reach.ssh_host}]{port}" if port else reach.ssh_host
        place.write_text(f"{name} {key}\n")
        return place

    async def play(self, guest: SimulatedGuest, playbook: Path, *more: str) -> str:
        """Run ansible-playbook; return what it wrote, with its exit code in the last line."""
        reach = guest.reach()
        inventory = self.folder / "inventory"
        inventory.write_text(
            f"[guest]\nvm ansible_host={reach.ssh_host} ansible_port={reach.ssh_port}\n"
        )
        program = Path(sys.executable).parent / "ansible-playbook"
        environment = _environment(self, await self.known_hosts(guest))
        process = await asyncio.create_subprocess_exec(
            program, "-i", inventory, playbook, *more, env=environment, cwd=self.folder,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
        )  # fmt: skip
        try:
            async with asyncio.timeout(100):
                out, _ = await process.communicate()
        except TimeoutError:
            process.kill()
            out, _ = await process.communicate()
        return f"{out.decode()}\nexit {process.returncode}"

    async def tasks(self, guest: SimulatedGuest, tasks: list[dict[str, Any]], *more: str) -> str:
        """Play a few tasks as root."""
        play = {"hosts": "all", "become": True, "gather_facts": False, "tasks": tasks}
        playbook = self.folder / "play.yml"
        playbook.write_text(yaml.safe_dump([play]))
        return await self.play(guest, playbook, *more)


def _environment(yard: Yard, known_hosts: Path) -> dict[str, str]:
    options = "-F none -o ControlMaster=auto -o ControlPersist=10s -o StrictHostKeyChecking=yes"
    return {
        "PATH": f"{Path(sys.executable).parent}:{os.defpath}",
        "HOME": str(yard.folder),
        "LC_ALL": "C.UTF-8",
        "ANSIBLE_HOME": str(yard.folder / ".ansible"),
        "ANSIBLE_PIPELINING": "1",
        "ANSIBLE_REMOTE_USER": yard.config.user,
        "ANSIBLE_PRIVATE_KEY_FILE": str(yard.key),
        "ANSIBLE_PYTHON_INTERPRETER": "/usr/bin/python3",
        "ANSIBLE_INTERPRETER_PYTHON": "/usr/bin/python3",
        "ANSIBLE_SSH_ARGS": f"{options} -o UserKnownHostsFile={known_hosts}",
        **yard.environment,
    }


async def until_it_answers(guest: SimulatedGuest) -> None:
    async with asyncio.timeout(60):
        while True:
            try:
                reach = guest.reach()
                _, writer = await asyncio.open_connection(reach.ssh_host, reach.ssh_port)
            except OSError:
                await asyncio.sleep(0.02)
                continue
            writer.close()
            return


@pytest.fixture
def make_yard(tmp_path: Path) -> Callable[[str], Yard]:
    def make(name: str) -> Yard:
        folder = tmp_path / name
        folder.mkdir()
        key = asyncssh.generate_private_key("ssh-ed25519")
        path = folder / "key"
        path.write_bytes(key.export_private_key())
        path.chmod(0o600)
        config = GuestConfig(
            vmid=100 + os.getpid() % 60_000,
            name="arena",
            directory=folder / "guest",
            template="debian-13-cloud",
            cores=2,
            memory_mib=2048,
            disk_bytes=4 << 30,
            mac="bc:24:11:00:00:01",
            user="yard",
            ssh_keys=(key.export_public_key().decode(),),
            address="10.77.0.5/16",
            gateway="10.77.0.1",
            ports=(("udp", 30000), ("tcp", 25565)),
        )
        guests = SimulatedGuests(folder, boot_seconds=QUICK)
        return Yard(folder=folder, guests=guests, config=config, key=path)

    return make


@pytest.fixture
async def yard(make_yard: Callable[[str], Yard]) -> AsyncGenerator[Yard]:
    yard = make_yard("lab")
    yield yard
    await yard.guests.close()


def other_lab(yard: Yard) -> Yard:
    """The same folder after a restart of the lab."""
    return replace(yard, guests=SimulatedGuests(yard.folder, boot_seconds=QUICK))
