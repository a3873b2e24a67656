"""The lab as a process: one line when it is ready, a clean end, and clear refusals."""

import asyncio
import socket
import sys
from asyncio.subprocess import PIPE, Process
from pathlib import Path

from tests.contract.lab.conftest import client, free_port


async def launch(data: Path, port: int, *more: str) -> Process:
    words = ["--data", str(data), "--port", str(port), "--guests", "hollow", *more]
    return await asyncio.create_subprocess_exec(
        sys.executable, "-m", "proxmox_lab", *words, stdout=PIPE, stderr=PIPE
    )


async def test_it_says_when_it_is_ready_and_ends_cleanly_when_asked(tmp_path: Path) -> None:
    lab = await launch(tmp_path, free_port())
    assert lab.stdout is not None

    ready = await lab.stdout.readline()
    lab.terminate()
    out, err = await lab.communicate()

    assert b"lab ready: https://127.0.0.1:" in ready
    assert (lab.returncode, out, err) == (0, b"", b"")
    assert {"token.json", "tls", "site.json"} <= {path.name for path in tmp_path.iterdir()}


async def test_a_taken_port_is_told_with_its_remedy(tmp_path: Path) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = int(other.getsockname()[1])

        lab = await launch(tmp_path, port)
        _, err = await lab.communicate()

    assert lab.returncode == 3
    assert f"port {port} on 127.0.0.1 is taken" in err.decode()


async def test_two_labs_do_not_share_a_folder(tmp_path: Path) -> None:
    first = await launch(tmp_path, free_port())
    assert first.stdout is not None
    await first.stdout.readline()

    second = await launch(tmp_path, free_port())
    _, err = await second.communicate()
    first.terminate()
    await first.communicate()

    assert second.returncode == 4
    assert b"another lab runs on" in err


async def test_a_kill_in_the_middle_of_a_clone_leaves_no_half_made_machine(tmp_path: Path) -> None:
    first = await launch(tmp_path, port := free_port())
    assert first.stdout is not None
    await first.stdout.readline()
    upid = await asyncio.to_thread(begin_slow_clone, tmp_path, port)
    half_made = await appears(tmp_path / "machines.jsonl", '"vmid":900000')
    first.kill()
    await first.communicate()

    second = await launch(tmp_path, port)
    assert second.stdout is not None
    await second.stdout.readline()
    task = await asyncio.to_thread(client(tmp_path, port).nodes("pve").tasks(upid).status.get)
    second.terminate()
    await second.communicate()

    assert half_made
    assert '"vmid":900000' not in (tmp_path / "machines.jsonl").read_text()
    assert task["exitstatus"] == "unexpected status"


async def appears(file: Path, text: str) -> bool:
    for _ in range(3000):
        if text in file.read_text():
            return True
        await asyncio.sleep(0.01)
    return False


def begin_slow_clone(data: Path, port: int) -> str:
    template = client(data, port).nodes("pve").qemu(9000)
    return template.clone.post(newid=900000, full=1, bwlimit=1000, pool="spawnyard")
