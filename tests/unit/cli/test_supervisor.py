"""The supervisor against real processes: it starts, restarts and ends them, all of them."""

import asyncio
import os
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from yard_cli.failure import Failure
from yard_cli.stack.process import ProcessSpec
from yard_cli.stack.supervisor import News, Supervisor

SLEEP = "import time; time.sleep(60)"
STUBBORN = """
import signal, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
print("deaf", flush=True)
time.sleep(60)
"""


def a_process(folder: Path, code: str, *, name: str = "worker", **more: object) -> ProcessSpec:
    return ProcessSpec(
        name=name,
        command=(sys.executable, "-S", "-c", code),
        log_file=folder / f"{name}.log",
        patience=3.0,
        **more,  # pyright: ignore[reportArgumentType]  each test knows its own
    )


def lives(pid: int) -> bool:
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return False
    return stat.rpartition(")")[2].split()[0] != "Z"


async def until(holds: Callable[[], bool], *, within: float = 60.0) -> None:
    async with asyncio.timeout(within):
        while not holds():
            await asyncio.sleep(0.02)


async def test_a_process_that_crashes_is_started_again(tmp_path: Path):
    async with Supervisor([a_process(tmp_path, SLEEP)]) as supervisor:
        await supervisor.wait_until_ready(timeout=5)
        [keeper] = supervisor.keepers
        first = keeper.pid
        assert first is not None

        os.kill(first, signal.SIGKILL)
        await until(lambda: keeper.ready.is_set() and keeper.pid not in {None, first})

        assert keeper.restarts == 1


async def test_who_stops_watching_leaves_the_processes_running_and_kept(tmp_path: Path):
    async with Supervisor([a_process(tmp_path, SLEEP)]) as supervisor:
        await supervisor.wait_until_ready(timeout=5)
        [keeper] = supervisor.keepers
        first = keeper.pid
        assert first is not None

        watching = asyncio.ensure_future(supervisor.watch())
        await asyncio.sleep(0.05)
        watching.cancel()
        await asyncio.gather(watching, return_exceptions=True)

        assert lives(first)
        os.kill(first, signal.SIGKILL)
        await until(lambda: keeper.ready.is_set() and keeper.pid not in {None, first})
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.2):
                await supervisor.watch()


async def test_leaving_ends_every_process_even_a_stubborn_one(tmp_path: Path):
    news: list[News] = []
    specs = [a_process(tmp_path, SLEEP, name="soft"), a_process(tmp_path, STUBBORN, name="hard")]
    async with Supervisor(specs, tell=news.append) as supervisor:
        await supervisor.wait_until_ready(timeout=5)
        await until(lambda: "deaf" in (tmp_path / "hard.log").read_text())
        pids = [keeper.pid for keeper in supervisor.keepers if keeper.pid]
        began = time.monotonic()

    assert len(pids) == 2
    assert not any(map(lives, pids))
    assert time.monotonic() - began < 50  # of the 60 they would live
    assert {(said.process, said.what) for said in news} >= {("soft", "stopped"), ("hard", "killed")}


async def test_processes_end_in_their_order(tmp_path: Path):
    news: list[News] = []
    specs = [
        a_process(tmp_path, SLEEP, name="ground", stops_in=2),
        a_process(tmp_path, SLEEP, name="worker", stops_in=0),
        a_process(tmp_path, SLEEP, name="record", stops_in=1),
    ]
    async with Supervisor(specs, tell=news.append) as supervisor:
        await supervisor.wait_until_ready(timeout=5)

    ended = [said.process for said in news if said.what in {"stopped", "killed"}]
    assert ended == ["worker", "record", "ground"]


async def test_a_process_that_never_gets_going_ends_the_wait_with_its_last_words(tmp_path: Path):
    async def never() -> bool:
        return False

    spec = a_process(tmp_path, "raise SystemExit('no such database')", is_ready=never)
    async with Supervisor([spec]) as supervisor:
        with pytest.raises(Failure) as refusal:
            await supervisor.wait_until_ready(timeout=60)

    assert "worker does not start" in refusal.value.reason
    assert "no such database" in refusal.value.details


async def test_a_process_that_never_answers_is_named(tmp_path: Path):
    async def never() -> bool:
        return False

    async with Supervisor([a_process(tmp_path, SLEEP, is_ready=never)]) as supervisor:
        with pytest.raises(Failure, match="worker did not become ready"):
            await supervisor.wait_until_ready(timeout=0.3)


@pytest.mark.skipif(sys.platform != "linux", reason="the kernel's help exists on Linux only")
async def test_nothing_survives_a_supervisor_that_is_killed(tmp_path: Path):
    code = f"""
import asyncio, pathlib, sys
from yard_cli.stack.process import ProcessSpec
from yard_cli.stack.supervisor import Supervisor
async def main():
    spec = ProcessSpec(name="w", command=(sys.executable, "-S", "-c", {SLEEP!r}),
                       log_file=pathlib.Path({str(tmp_path / "w.log")!r}))
    async with Supervisor([spec]) as supervisor:
        await supervisor.wait_until_ready(timeout=5)
        print(supervisor.keepers[0].pid, flush=True)
        await supervisor.watch()
asyncio.run(main())
"""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", code, stdout=asyncio.subprocess.PIPE
    )
    assert process.stdout is not None
    child = int(await process.stdout.readline())
    assert lives(child)

    process.kill()
    await process.communicate()

    await until(lambda: not lives(child))


@pytest.mark.skipif(sys.platform != "linux", reason="the kernel's help exists on Linux only")
async def test_a_grandchild_whose_parent_died_is_ended_with_the_stack(tmp_path: Path):
    note = tmp_path / "pid"
    code = f"""
import os, pathlib, subprocess, sys
from yard_cli.stack import orphans
orphans.adopt()
inner = "import subprocess, sys; p = subprocess.Popen([sys.executable, '-S', '-c', {SLEEP!r}]," \\
        " stdout=-3, stderr=-3, start_new_session=True); print(p.pid)"
made = subprocess.run([sys.executable, "-S", "-c", inner], capture_output=True, text=True)
pathlib.Path({str(note)!r}).write_text(made.stdout)
print(*orphans.end_all())
"""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", code, stdout=asyncio.subprocess.PIPE
    )
    said, _ = await process.communicate()

    assert said.split() == note.read_bytes().split()
    assert not lives(int(note.read_text()))
