"""The one command, as a newcomer types it."""

import asyncio
import json
import os
import re
import signal
from pathlib import Path
from typing import Any

import pytest

from proxmox_lab.template.required_tools import missing_tools, remedy
from tests.stack import ROOT, free_base, processes

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(600)]


async def yard(*arguments: str, data: Path, port_base: int | None = None) -> tuple[int, str, str]:
    """Run `./yard …` on a folder of its own; return exit code, output, messages."""
    place = ["--data", str(data)]
    if arguments[0] in ("demo", "up"):
        place += ["--port-base", str(port_base or free_base())]
    process = await asyncio.create_subprocess_exec(
        "./yard", *arguments, *place,
        cwd=ROOT, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    out, err = await process.communicate()
    assert process.returncode is not None
    return process.returncode, out.decode(), err.decode()


def result_of(out: str) -> dict[str, Any]:
    [line] = out.splitlines()
    return json.loads(line)


async def test_the_demo_ends_with_a_running_server(tmp_path: Path) -> None:
    code, out, err = await yard("demo", "--once", "--json", data=tmp_path)

    assert code == 0, err
    result = result_of(out)
    assert result["server"]["phase"] == "running"
    assert result["server"]["connect"]
    assert result["operation"]["state"] == "succeeded"
    assert all(step["state"] == "succeeded" for step in result["operation"]["steps"])
    assert result["log_lines"] > 20
    assert processes(str(tmp_path), under=1) == []


async def test_a_person_is_told_what_he_needs_to_go_on(tmp_path: Path) -> None:
    code, out, err = await yard("demo", "--once", "--game", "teeworlds", data=tmp_path)
    screen = re.sub(r"\x1b\[[0-9;]*m", "", out + err)

    assert code == 0, screen
    for needed in ("connect", "password", "admin", "/v1", "/readyz", "./yard up"):
        assert needed in screen
    for step in ("reserve", "clone", "address", "ssh", "playbook", "ready"):
        assert step in screen


async def test_without_once_everything_stays_up_until_ctrl_c(tmp_path: Path) -> None:
    base = free_base()
    process = await asyncio.create_subprocess_exec(
        *("./yard", "demo", "--game", "teeworlds"),
        *("--data", str(tmp_path), "--port-base", str(base)),
        cwd=ROOT, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.DEVNULL,
    )  # fmt: skip
    assert process.stdout is not None
    async with asyncio.timeout(300):
        while b"stays up" not in await process.stdout.readline():
            assert process.returncode is None

    code, listed, _ = await yard("servers", "--json", data=tmp_path)
    await asyncio.sleep(3)
    assert process.returncode is None, "it did not stay"
    assert code == 0
    assert "teeworlds" in listed

    process.send_signal(signal.SIGINT)
    async with asyncio.timeout(100):
        await process.communicate()
    assert process.returncode == 0
    assert _commands(tmp_path) == []


async def test_the_second_start_finds_what_the_first_left(tmp_path: Path) -> None:
    _, first, _ = await yard("demo", "--once", "--json", "--game", "teeworlds", data=tmp_path)
    code, second, err = await yard("demo", "--once", "--json", "--game", "teeworlds", data=tmp_path)

    assert code == 0, err
    assert result_of(second)["server"]["id"] != result_of(first)["server"]["id"]


async def test_a_taken_port_is_named_with_its_remedy(tmp_path: Path) -> None:
    base = free_base()
    blocker = await asyncio.start_server(lambda _r, _w: None, "127.0.0.1", base + 3)
    try:
        code, _, err = await yard("demo", "--once", data=tmp_path, port_base=base)
    finally:
        blocker.close()
        await blocker.wait_closed()

    assert code != 0
    assert str(base + 3) in err
    assert "--port-base" in err


async def test_an_unwritable_folder_is_named_with_its_remedy(tmp_path: Path) -> None:
    occupied = tmp_path / "file"
    occupied.write_text("not a folder")

    code, _, err = await yard("demo", "--once", data=occupied / "data")

    assert code != 0
    assert "file" in err
    assert "--data" in err


async def test_ctrl_c_ends_everything(tmp_path: Path) -> None:
    process = await asyncio.create_subprocess_exec(
        "./yard", "up", "--data", str(tmp_path), "--port-base", str(free_base()),
        cwd=ROOT, stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.DEVNULL,
    )  # fmt: skip
    async with asyncio.timeout(240):
        while not any("log_service" in name for name in _commands(tmp_path)):
            await asyncio.sleep(0.2)

    process.send_signal(signal.SIGINT)
    async with asyncio.timeout(100):
        await process.wait()

    assert processes(str(tmp_path), under=1) == []


def _commands(data: Path) -> list[str]:
    found: list[str] = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                environment = (entry / "environ").read_text()
                command = (entry / "cmdline").read_text()
            except OSError:
                continue
            if str(data) in environment:
                found.append(command)
    return found


@pytest.mark.vm
@pytest.mark.timeout(1800)
async def test_the_demo_on_a_real_machine_ends_with_a_real_handshake(tmp_path: Path) -> None:
    root = os.geteuid() == 0
    if missing := missing_tools(root=root):
        install = remedy(missing, root=root)
        assert not os.environ.get("SPAWNYARD_REQUIRE_VM"), install
        pytest.skip(f"a real machine needs tools that are not here; {install}")

    code, out, err = await yard("demo", "--vm", "--once", "--json", data=tmp_path)

    assert code == 0, err
    result = result_of(out)
    assert result["server"]["phase"] == "running"
    assert result["server"]["game"] == "luanti"
    assert processes("qemu-system", under=os.getpid()) == []
