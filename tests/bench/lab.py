"""How much the lab carries: requests a second of one core, and memory, with 2,000 machines."""

import asyncio
import json
import os
import ssl
import sys
import tempfile
import time
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

import httpx

from tests.bench.processes import resident
from yard_cli.bench import Figure, Options

MACHINES: Final = 2000
FIRST: Final = 10_000
AT_ONCE: Final = 8
SETTLING: Final = 2.0  # seconds
GOAL: Final = 200.0
Ask = Callable[[int], Awaitable[httpx.Response]]


async def measure(options: Options) -> Sequence[Figure]:
    """Fill a lab that has one core to itself, then ask it all kinds of things."""
    with tempfile.TemporaryDirectory(prefix="yard-bench-") as folder:
        data, port = Path(folder), options.port_base + 6
        async with _lab(data, port) as lab, _client(data, port) as http:
            figures = await _asked(lab, http)
        begun = time.monotonic()
        async with _lab(data, port):
            up = time.monotonic() - begun
    name = f"start-up with {MACHINES} machines"
    return [*figures, Figure(name=name, value=up, unit="s", goal=5.0)]


async def _asked(lab: Process, http: httpx.AsyncClient) -> list[Figure]:
    machines, empty = "/nodes/pve/qemu", resident(lab.pid)

    def clone(i: int) -> Awaitable[httpx.Response]:
        order = {"newid": FIRST + i, "name": f"m{i}", "pool": "spawnyard"}
        return http.post(f"{machines}/9000/clone", data=order)

    made = await _rate(lab, "clone", clone, MACHINES)
    await asyncio.sleep(SETTLING)
    each = (resident(lab.pid) - empty) * 1024 / MACHINES
    kinds: list[tuple[str, Ask, int]] = [
        ("config", lambda i: http.get(f"{machines}/{FIRST + i % MACHINES}/config"), 600),
        ("status", lambda i: http.get(f"{machines}/{FIRST + i % MACHINES}/status/current"), 600),
        ("change", lambda i: http.put(f"{machines}/{FIRST + i}/config", data={"cores": 2}), 600),
        ("start", lambda i: http.post(f"{machines}/{FIRST + i}/status/start"), 200),
        ("delete", lambda i: http.delete(f"{machines}/{FIRST + MACHINES - 1 - i}"), 200),
    ]
    rates = [await _rate(lab, name, ask, times) for name, ask, times in kinds]
    whole = await _rate(lab, "resources", lambda _: http.get("/cluster/resources"), 20, goal=None)
    memory = Figure(name="memory of a machine", value=each, unit="KiB", goal=64.0)
    return [made, *rates, whole, memory]


async def _rate(
    lab: Process, name: str, ask: Ask, times: int, *, goal: float | None = GOAL
) -> Figure:
    """Ask so often; the rate is what one core does, whoever else uses the machine."""
    left, worked = iter(range(times)), _worked(lab.pid)

    async def go_on() -> None:
        for number in left:
            (await ask(number)).raise_for_status()

    begun = time.monotonic()
    await asyncio.gather(*(go_on() for _ in range(AT_ONCE)))
    seen = times / (time.monotonic() - begun)
    await asyncio.sleep(SETTLING if name in ("clone", "start", "delete") else 0)
    rate = times / max(_worked(lab.pid) - worked, 0.01)
    told = f"{seen:.0f} a second seen by one Python client on a shared machine"
    return Figure(
        name=f"{name} per second of one core", value=rate, unit="1/s", goal=goal,
        better="higher", compared_with=told,
    )  # fmt: skip


def _worked(pid: int) -> float:
    """Return the processor seconds of a process."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


@asynccontextmanager
async def _lab(data: Path, port: int) -> AsyncGenerator[Process]:
    words = ["--data", str(data), "--port", str(port), "--speed", "1000"]
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "proxmox_lab", *words, stdout=PIPE, stderr=DEVNULL
    )
    os.sched_setaffinity(process.pid, {min(os.sched_getaffinity(0))})
    assert process.stdout is not None
    await process.stdout.readline()
    try:
        yield process
    finally:
        process.terminate()
        await process.communicate()


@asynccontextmanager
async def _client(data: Path, port: int) -> AsyncGenerator[httpx.AsyncClient]:
    token = json.loads((data / "token.json").read_text())
    async with httpx.AsyncClient(
        base_url=f"https://127.0.0.1:{port}/api2/json",
        verify=ssl.create_default_context(cafile=data / "tls" / "ca.pem"),
        headers={"Authorization": f"PVEAPIToken={token['token_id']}={token['secret']}"},
        trust_env=False,
        timeout=120,
    ) as http:
        yield http
