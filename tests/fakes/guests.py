"""Guests with an agent and files, kept in memory; what survives a restart of the lab is on disk."""

import asyncio
import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from proxmox_lab.guests.port import (
    ExecResult,
    Guest,
    GuestConfig,
    GuestFailure,
    Interface,
    Reach,
    ReachedPort,
)

HOST_KEY = (
    b"ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAINxJjdAvumZcDxh2JpwmHV79685/QYhm5nDgeeEia48z fake\n"
)


@dataclass
class FakeGuest:
    config: GuestConfig
    starts: int = 0
    deaf: bool = False
    agent: bool = True
    since: float | None = None
    files: dict[str, bytes] = field(
        default_factory=lambda: {"/etc/ssh/ssh_host_ed25519_key.pub": HOST_KEY}
    )

    @property
    def running(self) -> bool:
        return self.since is not None

    @property
    def uptime(self) -> float:
        return time.monotonic() - self.since if self.since is not None else 0.0

    @property
    def lets_go(self) -> bool:
        return not self.deaf

    async def start(self, config: GuestConfig) -> None:
        self.config, self.since, self.starts = config, time.monotonic(), self.starts + 1

    async def shutdown(self, timeout: float) -> bool:
        if self.deaf:
            await asyncio.sleep(timeout)
            return False
        self.since = None
        return True

    async def stop(self) -> None:
        self.since = None

    async def reset(self) -> None: ...

    async def reboot(self, timeout: float) -> None: ...

    async def agent_ping(self) -> bool:
        return self.running and self.agent

    async def agent_interfaces(self) -> Sequence[Interface]:
        address = self.config.address or "10.77.9.9/16"
        return [
            Interface(name="lo", mac="00:00:00:00:00:00", addresses=("127.0.0.1/8",)),
            Interface(name="eth0", mac=self.config.mac, addresses=(address,)),
        ]

    async def agent_read_file(self, path: str) -> bytes:
        if path not in self.files:
            raise GuestFailure(f"failed to open file '{path}': No such file or directory")
        return self.files[path]

    async def agent_write_file(self, path: str, content: bytes) -> None:
        self.files[path] = content

    async def agent_ask(self, command: str, arguments: Mapping[str, object]) -> object:
        if command != "guest-get-host-name":
            raise GuestFailure(f"The command {command} has not been found")
        return {"host-name": self.config.name}

    async def agent_exec(self, command: Sequence[str], stdin: bytes) -> ExecResult:
        if command[0] != "/bin/echo":
            raise GuestFailure(f"Failed to execute child process “{command[0]}”")
        return ExecResult(exit_code=0, out=" ".join(command[1:]).encode() + b"\n" + stdin)

    def reach(self) -> Reach:
        ports = tuple(
            ReachedPort(protocol=protocol, guest_port=port, public_port=port)
            for protocol, port in self.config.ports
        )
        return Reach(ssh_host="127.1.2.3", ssh_port=2222, public_host="127.1.2.3", ports=ports)

    def state(self) -> dict[str, object]:
        return {"name": self.config.name, "user": self.config.user, "starts": self.starts}


class FakeGuests:
    """Remembers on disk that a guest was made, so that only such a one can be adopted."""

    def __init__(self) -> None:
        self.made: dict[int, FakeGuest] = {}
        self.sizes: dict[int, int] = {}
        self.noted: dict[tuple[int, str], dict[str, bytes]] = {}
        self.broken: str | None = None

    async def create(self, config: GuestConfig) -> Guest:
        if self.broken:
            raise GuestFailure(self.broken)
        (config.directory / "fake.json").write_text(json.dumps({"template": config.template}))
        self.made[config.vmid] = FakeGuest(config)
        return self.made[config.vmid]

    async def adopt(self, config: GuestConfig) -> Guest:
        if not (config.directory / "fake.json").exists():
            raise GuestFailure("no such guest")
        self.made[config.vmid] = FakeGuest(config)
        return self.made[config.vmid]

    async def snapshot(self, config: GuestConfig, name: str) -> None:
        self.noted[config.vmid, name] = dict(self.made[config.vmid].files)

    async def roll_back(self, config: GuestConfig, name: str) -> Guest:
        guest = FakeGuest(config, files=dict(self.noted[config.vmid, name]))
        self.made[config.vmid] = guest
        return guest

    async def forget_snapshot(self, config: GuestConfig, name: str) -> None:
        self.noted.pop((config.vmid, name), None)

    async def resize(self, config: GuestConfig, size: int) -> None:
        self.sizes[config.vmid] = size

    async def destroy(self, config: GuestConfig) -> None:
        del self.made[config.vmid]

    async def close(self) -> None:
        for guest in self.made.values():
            guest.since = None
