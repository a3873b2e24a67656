"""A simulated guest, and the tools that really reach it."""

import asyncio
import shutil
import subprocess
import tempfile
from collections.abc import AsyncGenerator, Generator
from dataclasses import dataclass
from pathlib import Path

import pytest
from aiohttp import web

from common.contracts.servers import Endpoint, PublishedPort
from common.security.sealing import new_key_line
from provisioner.domain.inventory import Target, target
from proxmox_lab.guests.port import Guest, GuestConfig
from proxmox_lab.guests.simulated.guests import SimulatedGuests
from tests.unit.playbooks.vendor import downloads

PLAYBOOKS = Path(__file__).parents[3] / "playbooks"
PORTS = (("game", "udp", 30000), ("arena", "udp", 8303), ("craft", "tcp", 25565))


@dataclass(frozen=True, kw_only=True)
class Site:
    guest: Guest
    endpoint: Endpoint
    host_key: str
    key_file: Path

    def target(self, endpoint: Endpoint | None = None) -> Target:
        return target(endpoint or self.endpoint, user="yard", key_file=self.key_file)

    async def read(self, path: str) -> str:
        return (await self.guest.agent_read_file(path)).decode()


@pytest.fixture
def runs() -> Generator[Path]:
    """Short, as folders of sockets have to be."""
    folder = Path(tempfile.mkdtemp(prefix="yard-t-"))
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def key_file(tmp_path: Path) -> Path:
    path = tmp_path / "id"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(path)], check=True)
    return path


@pytest.fixture
def sealing_key(tmp_path: Path) -> Path:
    path = tmp_path / "sealing.key"
    path.touch(mode=0o600)
    path.write_text(new_key_line())
    return path


@pytest.fixture
async def mirror() -> AsyncGenerator[str]:
    """Serve what vendors would at HOST/PATH."""
    sent: dict[str, bytes] = {}
    for manifest in (PLAYBOOKS / "games").glob("*/game.yml"):
        sent |= downloads(manifest.parent)

    async def serve(request: web.Request) -> web.Response:
        return web.Response(body=sent[f"https://{request.match_info['rest']}"])

    app = web.Application()
    app.router.add_get("/{rest:.+}", serve)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    await runner.cleanup()


@pytest.fixture
async def site(tmp_path: Path, key_file: Path) -> AsyncGenerator[Site]:
    guests = SimulatedGuests(tmp_path / "lab", boot_seconds=0.1)
    config = GuestConfig(
        vmid=990_001,
        name="guest",
        directory=tmp_path / "lab" / "990001",
        template="debian-13-cloud",
        cores=1,
        memory_mib=1024,
        disk_bytes=4 << 30,
        mac="52:54:00:00:00:01",
        user="yard",
        ssh_keys=(key_file.with_suffix(".pub").read_text().strip(),),
        address="10.77.0.9/16",
        ports=tuple((protocol, number) for _, protocol, number in PORTS),
    )
    guest = await guests.create(config)
    await guest.start(config)
    while not await guest.agent_ping():
        await asyncio.sleep(0.02)
    host_key = (await guest.agent_read_file("/etc/ssh/ssh_host_ed25519_key.pub")).decode().strip()
    yield Site(guest=guest, endpoint=_endpoint(guest), host_key=host_key, key_file=key_file)
    await guests.close()


def _endpoint(guest: Guest) -> Endpoint:
    reach = guest.reach()
    names = {(protocol, number): name for name, protocol, number in PORTS}
    return Endpoint(
        address="10.77.0.9",
        ssh_host=reach.ssh_host,
        ssh_port=reach.ssh_port,
        public_host=reach.public_host,
        ports=tuple(
            PublishedPort(
                name=names[(port.protocol, port.guest_port)],
                protocol=port.protocol,  # type: ignore[arg-type]
                guest_port=port.guest_port,
                public_port=port.public_port,
            )
            for port in reach.ports
        ),
    )
