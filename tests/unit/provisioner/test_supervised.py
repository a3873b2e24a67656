"""Whatever the process of a playbook run says or does, its run ends, within bounds.

The child here is a few lines of Python in place of Ansible's.
"""

import asyncio
import fcntl
import os
import sys
import tempfile
from collections.abc import Generator
from pathlib import Path
from typing import Any

import pytest

from provisioner.adapters.ansible import supervised
from provisioner.adapters.ansible.supervised import AnsiblePlaybooks
from provisioner.domain.play import Play, TaskEvent

PRELUDE = """
import os, signal, subprocess, sys, time, json
job = json.loads(sys.stdin.readline())
mark = {**os.environ, "SPAWNYARD_RUN": job["directory"]}
def event(n, kind="ok", **more):
    print(json.dumps({"event": {"counter": n, "kind": kind, "task": f"t{n}", **more}}), flush=True)
def ended(status="successful", code=0):
    print(json.dumps({"ended": {"status": status, "code": code}}), flush=True)
"""


@pytest.fixture
def runs() -> Generator[Path]:
    with tempfile.TemporaryDirectory(prefix="yard-t-") as folder:
        yield Path(folder)


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    quickly = tuple((number, 1.0) for number, _ in supervised.ENDING)
    monkeypatch.setattr(supervised, "ENDING", quickly)
    monkeypatch.setattr(supervised, "LAST_WORDS", 0.5)


def a_play(**changes: Any) -> Play:
    fields: dict[str, Any] = {
        "name": "srv_t",
        "playbook": "site.yml",
        "inventory": {},
        "variables": {},
        "known_hosts": "",
        **changes,
    }
    return Play(**fields)


def playbooks(runs: Path, script: str) -> AnsiblePlaybooks:
    return AnsiblePlaybooks(
        project=runs, runs=runs, program=(sys.executable, "-c", PRELUDE + script)
    )


class Told(list[TaskEvent]):
    async def tell(self, event: TaskEvent) -> None:
        self.append(event)


async def test_events_are_told_and_the_end_is_the_child_s(runs: Path):
    told = Told()

    ended = await playbooks(runs, "event(1); event(2); ended()").play(a_play(), tell=told.tell)

    assert [event.task for event in told] == ["t1", "t2"]
    assert (ended.status, ended.code) == ("successful", 0)


async def test_one_that_gives_no_sign_of_life_is_ended_with_all_it_started(runs: Path):
    script = """
signal.signal(signal.SIGTERM, signal.SIG_IGN)
left = subprocess.Popen(["sleep", "600"], env=mark, start_new_session=True)
event(left.pid, "started")
time.sleep(600)
"""
    told = Told()

    ended = await playbooks(runs, script).play(a_play(hang=0.5), tell=told.tell)

    assert ended.status == "hung"
    assert "no sign of life" in ended.output[0]
    assert _is_gone(told[0].counter)


def _is_gone(pid: int) -> bool:
    try:
        return " Z " in Path(f"/proc/{pid}/stat").read_text()
    except FileNotFoundError:
        return True


async def test_signs_of_life_without_a_word_are_heard(runs: Path):
    script = """
for _ in range(8):
    print("{}", flush=True)
    time.sleep(0.4)
ended()
"""
    ended = await playbooks(runs, script).play(a_play(hang=2), tell=Told().tell)

    assert ended.status == "successful"


NOISE = {
    "binary": r"sys.stdout.buffer.write(bytes(range(256)) * 400 + b'\n')",
    "without a newline": "sys.stdout.write('x' * 3_000_000 + chr(10))",
    "not ours": "print('Traceback (most recent call last):'); print('[]'); print()",
    "on standard error": "sys.stderr.buffer.write(bytes(range(256)) * 20_000)",
}


@pytest.mark.parametrize("noise", NOISE)
async def test_noise_is_not_in_the_way(runs: Path, noise: str):
    script = f"event(1)\n{NOISE[noise]}\nsys.stdout.flush()\nevent(2)\nended('failed', 2)"
    told = Told()

    ended = await playbooks(runs, script).play(a_play(), tell=told.tell)

    assert [event.counter for event in told] == [1, 2]
    assert (ended.status, ended.code) == ("failed", 2)


async def test_output_without_an_end_and_a_newline_is_no_sign_of_life(runs: Path):
    script = "while True: sys.stdout.write('x' * 65536)"

    ended = await playbooks(runs, script).play(a_play(hang=1), tell=Told().tell)

    assert ended.status == "hung"


async def test_a_child_that_breaks_says_why_in_few_words(runs: Path):
    script = "sys.stderr.write('y' * 500_000 + '\\nPermissionError: no\\n'); sys.exit(3)"

    ended = await playbooks(runs, script).play(a_play(), tell=Told().tell)

    assert (ended.status, ended.code) == ("broken", 3)
    assert ended.output[-1] == "PermissionError: no"
    assert sum(map(len, ended.output)) < 20_000


async def test_a_child_whose_heirs_hold_its_pipes_is_not_waited_for(runs: Path):
    script = """
left = subprocess.Popen(["sleep", "600"], env=mark, stdout=subprocess.DEVNULL)
event(left.pid)
sys.exit(4)
"""
    told = Told()

    ended = await playbooks(runs, script).play(a_play(), tell=told.tell)

    assert (ended.status, ended.code) == ("broken", 4)
    assert _is_gone(told[0].counter)


async def test_what_cannot_be_started_at_all_is_a_failure_like_any_other(runs: Path):
    nothing = AnsiblePlaybooks(project=runs, runs=runs, program=("/nonexistent/python",))
    nowhere = AnsiblePlaybooks(project=runs, runs=Path("/proc/nowhere"))

    ended = [await one.play(a_play(), tell=Told().tell) for one in (nothing, nowhere)]

    assert [one.status for one in ended] == ["broken", "broken"]
    assert all(one.output for one in ended)


async def test_cancelled_again_and_again_it_still_leaves_nothing(runs: Path):
    script = "event(os.getpid(), 'started')\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
    told = Told()
    playing = asyncio.ensure_future(
        playbooks(runs, script + "time.sleep(600)").play(a_play(), tell=told.tell)
    )
    while not told:
        await asyncio.sleep(0.01)

    while not playing.done():
        playing.cancel()
        await asyncio.sleep(0.05)

    assert playing.cancelled()
    assert _is_gone(told[0].counter)


async def test_what_another_living_run_of_the_server_has_is_let_be(runs: Path):
    (runs / "srv_t").mkdir()
    with (runs / "srv_t.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)

        await playbooks(runs, "sys.exit(1)").play(a_play(), tell=Told().tell)

    assert (runs / "srv_t").exists()


async def test_a_server_of_the_same_name_in_another_installation_is_let_be(tmp_path: Path):
    """Two installations, or two tests, on one machine: a mark names the server and whose it is."""
    script = "event(subprocess.Popen(['sleep', '600'], env=mark).pid, 'started'); time.sleep(600)"
    ours, theirs = tmp_path / "ours", tmp_path / "theirs"
    told = Told()
    running = asyncio.ensure_future(playbooks(theirs, script).play(a_play(), tell=told.tell))
    while not told:
        await asyncio.sleep(0.01)

    await playbooks(ours, "sys.exit(1)").play(a_play(), tell=Told().tell)

    assert not _is_gone(told[0].counter)
    running.cancel()
    await asyncio.wait({running})
    assert _is_gone(told[0].counter)


async def test_stopped_while_it_waits_for_another_it_takes_nothing_with_it(runs: Path):
    (runs / "srv_t").mkdir()
    real = AnsiblePlaybooks(project=runs, runs=runs)
    with (runs / "srv_t.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        waiting = asyncio.ensure_future(real.play(a_play(hang=60), tell=Told().tell))
        while not _waits_for_the_lock(lock.fileno()):
            await asyncio.sleep(0.05)
        waiting.cancel()
        await asyncio.wait({waiting})

    assert (runs / "srv_t").exists()


def _waits_for_the_lock(held: int) -> bool:
    """Tell whether some child of ours has opened the lock's file, too."""
    name = Path(f"/proc/self/fd/{held}").readlink()
    children = Path(f"/proc/self/task/{os.getpid()}/children").read_text().split()
    for child in children:
        try:
            open_files = [fd.readlink() for fd in Path(f"/proc/{child}/fd").iterdir()]
        except OSError:
            continue
        if name in open_files:
            return True
    return False
