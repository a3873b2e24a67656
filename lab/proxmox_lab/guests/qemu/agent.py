"""The guest agent: what the guest tells of itself and does when asked."""

import asyncio
import base64
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Final

from pydantic import BaseModel, Field, TypeAdapter

from proxmox_lab.guests.port import ExecResult, GuestFailure, Interface
from proxmox_lab.guests.qemu.agent_channel import LONGEST_LINE, Channel

NOT_RUNNING: Final = "QEMU guest agent is not running"
_CHUNK: Final = 1 << 16
_LARGEST_FILE: Final = 16 << 20
_FIRST_PAUSE: Final = 0.05
_LONGEST_PAUSE: Final = 1.0


class AddressTold(BaseModel, frozen=True):
    """An address of an interface."""

    address: str = Field(alias="ip-address")
    prefix: int


class InterfaceTold(BaseModel, frozen=True):
    """A network interface in the agent's words."""

    name: str
    mac: str = Field(default="00:00:00:00:00:00", alias="hardware-address")
    addresses: tuple[AddressTold, ...] = Field(default=(), alias="ip-addresses")


class FilePart(BaseModel, frozen=True):
    """A piece of a file."""

    content: str = Field(alias="buf-b64")
    eof: bool


class Started(BaseModel, frozen=True):
    """A command that was started."""

    pid: int


class ExecStatus(BaseModel, frozen=True):
    """How a command stands."""

    exited: bool
    exit_code: int = Field(default=0, alias="exitcode")
    killed_by: int | None = Field(default=None, alias="signal")
    out: str = Field(default="", alias="out-data")
    err: str = Field(default="", alias="err-data")


_INTERFACES: Final = TypeAdapter(tuple[InterfaceTold, ...])


class GuestAgent:
    """The agent of one guest. The channel serves one client at a time, so calls queue here."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._one_at_a_time = asyncio.Lock()

    async def ping(self, timeout: float = 2.0) -> bool:
        """Tell whether the agent answers."""
        try:
            async with self._channel(timeout) as channel:
                await channel.ask("guest-ping")
        except GuestFailure:
            return False
        return True

    async def interfaces(self) -> Sequence[Interface]:
        """Return the guest's network interfaces with their addresses."""
        async with self._channel() as channel:
            told = await channel.ask("guest-network-get-interfaces")
        return tuple(
            Interface(
                name=one.name,
                mac=one.mac,
                addresses=tuple(f"{each.address}/{each.prefix}" for each in one.addresses),
            )
            for one in _INTERFACES.validate_python(told)
        )

    async def read_file(self, path: str) -> bytes:
        """Return the file's content, of 16 MiB at most."""
        content = bytearray()
        async with self._channel() as channel:
            handle = await channel.ask("guest-file-open", path=path, mode="r")
            at_end = False
            while not at_end and len(content) < _LARGEST_FILE:
                told = await channel.ask("guest-file-read", handle=handle, count=_CHUNK)
                part = FilePart.model_validate(told)
                content += base64.b64decode(part.content)
                at_end = part.eof
            await channel.ask("guest-file-close", handle=handle)
        return bytes(content)

    async def write_file(self, path: str, content: bytes) -> None:
        """Replace or make a file, as root."""
        packed = base64.b64encode(content).decode()
        async with self._channel() as channel:
            handle = await channel.ask("guest-file-open", path=path, mode="wb")
            await channel.ask("guest-file-write", **{"handle": handle, "buf-b64": packed})
            await channel.ask("guest-file-close", handle=handle)

    async def ask(self, command: str, arguments: Mapping[str, object]) -> object:
        """Return the agent's answer to one of its own commands."""
        async with self._channel() as channel:
            return await channel.ask(command, **arguments)

    async def execute(
        self, command: Sequence[str], stdin: bytes, timeout: float = 600.0
    ) -> ExecResult:
        """Run a command as root and wait for its end."""
        given = {"input-data": base64.b64encode(stdin).decode()} if stdin else {}
        words = {"path": command[0], "arg": list(command[1:]), "capture-output": True}
        async with self._channel() as channel:
            started = Started.model_validate(await channel.ask("guest-exec", **words, **given))
        clock, pause = asyncio.get_running_loop(), _FIRST_PAUSE
        end = clock.time() + timeout
        while clock.time() < end:
            async with self._channel() as channel:
                told = await channel.ask("guest-exec-status", pid=started.pid)
            status = ExecStatus.model_validate(told)
            if status.exited:
                return _result(status)
            await asyncio.sleep(pause)
            pause = min(pause * 1.5, _LONGEST_PAUSE)
        raise GuestFailure(f"'{command[0]}' did not end within {timeout:.0f} s")

    async def request_shutdown(self, mode: str) -> None:
        """Ask for ``powerdown`` or ``reboot``; the agent does not answer this one."""
        async with self._channel(3.0) as channel:
            channel.tell("guest-shutdown", mode=mode)
            await channel.flush()

    @asynccontextmanager
    async def _channel(self, timeout: float = 5.0) -> AsyncGenerator[Channel]:
        async with self._one_at_a_time:
            writer = None
            try:
                async with asyncio.timeout(timeout):
                    reader, writer = await asyncio.open_unix_connection(
                        self._path, limit=LONGEST_LINE
                    )
                    channel = Channel(reader, writer)
                    await channel.synchronise()
                    yield channel
            except (OSError, EOFError, TimeoutError) as silent:
                raise GuestFailure(NOT_RUNNING) from silent
            finally:
                if writer is not None:
                    writer.close()
                    with suppress(OSError):
                        await writer.wait_closed()


def _result(status: ExecStatus) -> ExecResult:
    code = status.exit_code if status.killed_by is None else 128 + status.killed_by
    return ExecResult(
        exit_code=code, out=base64.b64decode(status.out), err=base64.b64decode(status.err)
    )
