"""The guests of the recorded site: one with a system and an agent, the others without."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from functools import cached_property
from typing import Any, Final

from proxmox_lab.guests.hollow import HollowGuest, HollowGuests
from proxmox_lab.guests.port import ExecResult, GuestConfig, GuestFailure, Interface
from proxmox_lab.guests.simulated.agent import GuestAgent
from proxmox_lab.guests.simulated.cloud_init import run_cloud_init
from proxmox_lab.guests.simulated.inside import hardware_of, open_inside

COMMAND_TIME: Final = 10.0  # seconds a command runs in a guest if nobody asks how it ended
_COMMANDS: Final = ("guest-ping", "guest-exec", "guest-info")
_LACKING: Final[Mapping[bool, str]] = {False: "savevm-start", True: "query-savevm"}
_DISK: Final = {
    "dev": "/dev/sda2", "bus-type": "scsi", "bus": 0, "target": 0, "unit": 0,
    "pci-controller": {"domain": 0, "bus": 1, "slot": 1, "function": 0},
    "serial": "0QEMU_QEMU_HARDDISK_drive-scsi0",
}  # fmt: skip
_ANSWERS: Final[Mapping[str, Any]] = {
    "guest-info": {
        "version": "7.2.22",
        "supported_commands": [
            {"name": name, "enabled": True, "success-response": True} for name in _COMMANDS
        ],
    },
    "guest-get-osinfo": {
        "id": "debian", "name": "Debian GNU/Linux", "version": "12 (bookworm)",
        "version-id": "12", "pretty-name": "Debian GNU/Linux 12 (bookworm)", "machine": "x86_64",
        "kernel-release": "6.1.0-56-cloud-amd64", "kernel-version": "#1 SMP PREEMPT_DYNAMIC",
    },
    "guest-get-fsinfo": [
        {"name": "sda2", "mountpoint": "/", "type": "ext4", "disk": [_DISK],
         "total-bytes": 3973697536, "used-bytes": 663433216}
    ],
    "guest-get-users": [],
    "guest-get-timezone": {"zone": "UTC", "offset": 0},
    "guest-fsfreeze-status": "thawed",
    "guest-set-user-password": {},
}  # fmt: skip


class RecordedGuest(HollowGuest):
    """The one guest with an agent: it answers from the third question on and obeys."""

    def __init__(self, config: GuestConfig, at_work: Callable[[], Awaitable[None]]) -> None:
        super().__init__()
        self._config = config
        self._at_work = at_work
        self._asked = 0

    @property
    def _is_real(self) -> bool:
        return self._config.template == "debian12-cloud"

    async def agent_ping(self) -> bool:
        self._asked += 1
        return self._is_real and self.running and self._asked > 2

    async def agent_interfaces(self) -> Sequence[Interface]:
        return [
            Interface(name="lo", mac="00:00:00:00:00:00", addresses=("127.0.0.1/8", "::1/128")),
            Interface(
                name="eth0",
                mac=self._config.mac,
                addresses=(self._config.address or "10.77.0.60/24", "fe80::1/64"),
            ),
        ]

    @cached_property
    def _agent(self) -> GuestAgent:
        """The inside of a simulated guest, as cloud-init has left it."""
        inside = open_inside(self._config.directory, powered=lambda: self.running)
        inside.machine.hardware = hardware_of(self._config, loopback="127.0.0.1")
        run_cloud_init(inside.machine, self._config)
        inside.writer.close()  # a session is short, nothing has to outlive it
        inside.agent.up = True
        return inside.agent

    async def agent_exec(self, command: Sequence[str], stdin: bytes) -> ExecResult:
        result = await self._agent.execute(command, stdin)
        if result.err.endswith(f"sh: 1: {command[0]}: not found\n".encode()):
            raise GuestFailure(f"Failed to execute child process “{command[0]}”")
        await self._at_work()
        return result

    async def agent_read_file(self, path: str) -> bytes:
        return self._agent.read_file(path)

    async def agent_write_file(self, path: str, content: bytes) -> None:
        self._agent.write_file(path, content)

    async def agent_ask(self, command: str, arguments: Mapping[str, object]) -> object:
        cores = range(self._config.cores)
        changing: dict[str, object] = {
            "guest-get-host-name": {"host-name": self._config.name},
            "guest-get-time": time.time_ns(),
            "guest-get-vcpus": [
                {"logical-id": number, "online": True, "can-offline": number > 0}
                for number in cores
            ],
        }
        known = changing | dict(_ANSWERS)
        return known[command] if command in known else await super().agent_ask(command, arguments)

    async def shutdown(self, timeout: float) -> bool:
        if not self._is_real:
            return await super().shutdown(timeout)
        await self.stop()
        return True


class RecordedGuests(HollowGuests):
    """Makes the recorded site's guests, whose QEMU has not what Proxmox adds to it."""

    def __init__(self, *, modern: bool) -> None:
        self._lacking = _LACKING[modern]
        self._made: dict[int, RecordedGuest] = {}
        self._kept: set[tuple[int, str]] = set()
        self._over = asyncio.Event()

    def end_commands(self) -> None:
        """Let the commands that run come to their end."""
        self._over.set()
        self._over = asyncio.Event()

    async def at_work(self) -> None:
        """Wait as long as a command runs: until its end is asked for."""
        with suppress(TimeoutError):
            async with asyncio.timeout(COMMAND_TIME):
                await self._over.wait()

    async def create(self, config: GuestConfig) -> RecordedGuest:
        self._made[config.vmid] = RecordedGuest(config, self.at_work)
        return self._made[config.vmid]

    async def adopt(self, config: GuestConfig) -> RecordedGuest:
        return await self.create(config)

    async def snapshot(self, config: GuestConfig, name: str) -> None:
        """Fail while the machine runs, as the recorded QEMU did."""
        await super().snapshot(config, name)
        if self._made[config.vmid].running:
            why = f"The command {self._lacking} has not been found"
            raise GuestFailure(f"VM {config.vmid} qmp command '{self._lacking}' failed - {why}")
        self._kept.add((config.vmid, name))

    async def forget_snapshot(self, config: GuestConfig, name: str) -> None:
        """Fail while the machine runs if its disk was never snapshotted."""
        guest = self._made.get(config.vmid)
        if guest and guest.running and (config.vmid, name) not in self._kept:
            command = "blockdev-snapshot-delete-internal-sync"
            why = (
                f"Snapshot with id 'null' and name '{name}' does not exist on device 'drive-scsi0'"
            )
            raise GuestFailure(f"VM {config.vmid} qmp command '{command}' failed - {why}")
        self._kept.discard((config.vmid, name))
