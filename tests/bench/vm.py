"""From the request to a playable server in a real VM, with a template that is prepared.

Packages from the mirror and from a repository on this machine; the VM booted and resumed from a
golden state. Which step took how long stands beside each figure, and how busy the machine was.
"""

import asyncio
import functools
import json
import os
import sys
import tempfile
import threading
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from statistics import median
from typing import Any, Final

import yaml

from proxmox_lab.guests.port import GuestConfig
from proxmox_lab.guests.qemu import open_guests
from proxmox_lab.template.__main__ import DEFAULT_CACHE
from proxmox_lab.template.built import latest_template
from proxmox_lab.template.packages import gather
from yard_cli.bench import Figure, Options
from yard_cli.failure import Failure
from yard_cli.settings import ROOT, inherited
from yard_cli.stack.template import ensure_template

GAME: Final = "luanti"
_SHOWN: Final = 0.3  # seconds; shorter steps are not worth a word


@dataclass(frozen=True, slots=True)
class Way:
    """One way of coming to a server."""

    name: str
    resumed: bool
    local: bool
    goal: float | None = None  # seconds, on two quiet cores


WAYS: Final = (
    Way("mirror, booted", resumed=False, local=False),
    Way("mirror, resumed", resumed=True, local=False, goal=90.0),
    Way("local packages, booted", resumed=False, local=True),
    Way("local packages, resumed", resumed=True, local=True, goal=60.0),
)


async def measure(options: Options) -> Sequence[Figure]:
    """Prepare template, golden state and packages; then deploy each way in turn."""
    manifest = yaml.safe_load((ROOT / "playbooks" / "games" / GAME / "game.yml").read_text())
    cache = DEFAULT_CACHE.expanduser()
    await ensure_template(_say)
    packages = await gathered(GAME)
    await _have_golden_state(cache, manifest["vm"])
    with served(packages) as source:
        return [await _figure(way, source, options) for way in WAYS]


async def gathered(game: str) -> Path:
    """Return the folder in which the packages of a game lie as a repository."""
    manifest = yaml.safe_load((ROOT / "playbooks" / "games" / game / "game.yml").read_text())
    cache = DEFAULT_CACHE.expanduser()
    template = latest_template(cache)
    assert template is not None
    folder = cache.parent / "packages" / game
    names = manifest["source"]["packages"]
    await asyncio.to_thread(gather, folder, names, suite=template.suite)
    return folder


async def _have_golden_state(cache: Path, size: Mapping[str, Mapping[str, int]]) -> None:
    with tempfile.TemporaryDirectory(prefix="yard-bench-") as folder:
        config = GuestConfig(
            vmid=999_899,
            name="bench",
            directory=Path(folder),
            template="",
            cores=size["cores"]["recommended"],
            memory_mib=size["memory_mib"]["recommended"],
            disk_bytes=0,
            mac="BC:24:11:00:00:99",
        )
        guests = open_guests(cache, stop_on_close=True)
        try:
            guest = await guests.create(config)
            _say(f"golden state: {await guest.start(config)}")
            await guests.destroy(config)
        finally:
            await guests.close()


@contextmanager
def served(folder: Path) -> Generator[str]:
    """Serve the folder on loopback, which guests reach by their gateway's address."""
    handler = functools.partial(_Quiet, directory=str(folder))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"deb [trusted=yes] http://{{gateway}}:{server.server_address[1]} ./"
        finally:
            server.shutdown()
            thread.join()


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


async def _figure(way: Way, source: str, options: Options) -> Figure:
    runs = [await _run(way, source, options) for _ in range(options.runs)]
    middle = sorted(runs, key=lambda run: run["seconds"])[len(runs) // 2]
    steps = [(step["name"], step["seconds"] or 0.0) for step in middle["steps"]]
    told = ", ".join(f"{name} {seconds:.1f}" for name, seconds in steps if seconds >= _SHOWN)
    return Figure(
        name=f"request to playable: {way.name}",
        value=round(median(run["seconds"] for run in runs), 1),
        unit="s",
        goal=way.goal,
        compared_with=f"{told}; load {os.getloadavg()[0]:.1f}; runs: {len(runs)}",
    )


async def _run(way: Way, source: str, options: Options) -> Mapping[str, Any]:
    """Return the operation of one demo, as it prints it."""
    binaries = Path(sys.executable).parent
    lab = {"LAB_GOLDEN": str(way.resumed), "LAB_APT_SOURCE": source if way.local else ""}
    with tempfile.TemporaryDirectory(prefix="yard-bench-") as data:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "yard_cli", "demo", "--vm", "--once", "--json"),
            *("--game", GAME, "--data", data, "--port-base", str(options.port_base)),
            cwd=ROOT,
            env=inherited(binaries) | lab,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        said, complaints = await process.communicate()
    lines = complaints.decode(errors="replace").splitlines()
    if process.returncode != 0:
        raise Failure(
            f"the demo failed: {way.name}", "run it: ./yard demo --vm", details=lines[-8:]
        )
    for line in lines:
        if line.rstrip().endswith("s)"):  # what each of the playbook's tasks took
            _say(f"{way.name}: {line}")
    operation: dict[str, Any] = json.loads(said.splitlines()[-1])["operation"]
    return operation


def _say(text: str) -> None:
    sys.stderr.write(f"{text}\n")
