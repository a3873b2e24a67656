import asyncio
import shutil
import tempfile
import time
from collections.abc import AsyncGenerator, Generator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from proxmox_lab.guests.port import GuestFailure
from proxmox_lab.guests.qemu import gate
from proxmox_lab.guests.qemu.gate import at_gate


@pytest.fixture
def path() -> Generator[Path]:
    folder = tempfile.mkdtemp(prefix="gate-")  # a socket's path must be short
    yield Path(folder) / "gate.sock"
    shutil.rmtree(folder)


@asynccontextmanager
async def guest(path: Path, *words: bytes) -> AsyncGenerator[list[list[str]]]:
    """Be a guest's gate: say a word, hear one, say the next; hang up after the last."""
    heard: list[list[str]] = []
    served: set[asyncio.Task[None] | None] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        served.add(asyncio.current_task())
        for word in words:
            writer.write(word)
            heard.append((await reader.readline()).decode().split())
        writer.close()

    server = await asyncio.start_unix_server(serve, path)
    try:
        yield heard
    finally:
        server.close()
        await asyncio.gather(*(task for task in served if task is not None))


async def test_each_machine_gets_the_present_time_and_an_id_of_its_own(path: Path) -> None:
    async with guest(path, b"READY\n", b"GONE\n") as heard:
        for _ in range(2):
            async with at_gate(path) as opened:
                await opened.until_reached()
                await opened.let_through()

    (go, epoch, one), (_, _, two) = (said for said in heard if said)
    assert go == "GO"
    assert abs(float(epoch) - time.time()) < 60
    assert len(one) == len(two) == 32
    assert one != two


async def test_a_guest_that_ends_before_its_gate_is_a_failure(path: Path) -> None:
    async with guest(path), at_gate(path) as opened:
        with pytest.raises(GuestFailure, match="gone before"):
            await opened.until_reached()


async def test_a_gate_that_keeps_silent_is_a_failure(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gate, "GONE_SECONDS", 0.05)
    async with guest(path, b"", b""), at_gate(path) as opened:
        with pytest.raises(GuestFailure, match="did not say"):
            await opened.let_through()
