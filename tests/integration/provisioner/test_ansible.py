"""Playbook runs are supervised: nothing of them overlaps, outlives or leaks."""

import asyncio
import fcntl
import json
import os
import signal
import sys
import textwrap
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from provisioner.adapters.ansible.process_tree import end_marked
from provisioner.adapters.ansible.supervised import AnsiblePlaybooks
from provisioner.domain.play import Play, PlayEnded, TaskEvent, reason, remedy

pytestmark = [pytest.mark.integration, pytest.mark.timeout(240)]

PLAYBOOK = """
- hosts: guest
  gather_facts: false
  tasks:
    - name: Note the start
      ansible.builtin.shell: echo start >> {{ journal }}
    - name: Sleep
      ansible.builtin.command: sleep {{ nap }}
    - name: Note the end
      ansible.builtin.shell: echo end >> {{ journal }}
    - name: Fail
      ansible.builtin.command: sh -c 'echo broken >&2; exit 3'
      when: broken
"""
LOCAL: Any = {"ansible_connection": "local", "ansible_python_interpreter": sys.executable}
CALLER = """
import asyncio, json, sys
from pathlib import Path
from typing import Any
from provisioner.adapters.ansible.supervised import AnsiblePlaybooks
from provisioner.domain.play import Play

async def tell(event):
    print(event.kind, event.task, flush=True)

project, runs, play = sys.argv[1:]
asyncio.run(AnsiblePlaybooks(project=Path(project), runs=Path(runs)).play(
    Play(**json.loads(play)), tell=tell))
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    folder = tmp_path / "playbooks"
    folder.mkdir()
    (folder / "site.yml").write_text(PLAYBOOK)
    return folder


def a_play(tmp_path: Path, *, nap: float = 0, broken: bool = False) -> Play:
    return Play(
        name="srv_a",
        playbook="site.yml",
        inventory={"all": {"hosts": {"guest": LOCAL}}},
        variables={"journal": str(tmp_path / "journal"), "nap": nap, "broken": broken},
        known_hosts="",
    )


def journal(tmp_path: Path) -> list[str]:
    path = tmp_path / "journal"
    return path.read_text().split() if path.exists() else []


def marked(runs: Path) -> list[int]:
    """Return what runs of our own server: tests beside this one have another folder of runs."""
    marks = {f"SPAWNYARD_RUN={runs / 'srv_a'}".encode(), f"HOME={runs / 'ansible'}".encode()}
    found: list[int] = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                if marks & {*(entry / "environ").read_bytes().split(b"\0")}:
                    found.append(int(entry.name))
            except OSError:
                continue
    return found


class Told(list[TaskEvent]):
    async def tell(self, event: TaskEvent) -> None:
        self.append(event)

    async def until(self, kind: str, task: str) -> None:
        while not any((e.kind, e.task) == (kind, task) for e in self):
            await asyncio.sleep(0.02)


async def test_every_task_is_told_as_it_happens(project: Path, runs: Path, tmp_path: Path):
    told = Told()

    ended = await AnsiblePlaybooks(project=project, runs=runs).play(
        a_play(tmp_path, broken=True), tell=told.tell
    )

    assert (ended.status, ended.code) == ("failed", 2)
    assert [(e.kind, e.task) for e in told][-1] == ("failed", "Fail")
    assert "broken" in told[-1].message
    assert len({e.counter for e in told}) == len(told)


async def test_cancelled_it_leaves_no_process_and_no_file(
    project: Path, runs: Path, tmp_path: Path
):
    told = Told()
    playbooks = AnsiblePlaybooks(project=project, runs=runs)
    running = asyncio.ensure_future(playbooks.play(a_play(tmp_path, nap=600), tell=told.tell))
    await told.until("started", "Sleep")
    assert marked(runs)

    started = asyncio.get_running_loop().time()
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running

    assert asyncio.get_running_loop().time() - started < 100  # of the 600 it would take
    assert marked(runs) == []
    assert sorted(path.name for path in runs.iterdir()) == ["ansible", "srv_a.lock"]


async def test_two_plays_of_one_server_never_overlap(project: Path, runs: Path, tmp_path: Path):
    playbooks = AnsiblePlaybooks(project=project, runs=runs)

    async def play() -> PlayEnded:
        return await playbooks.play(a_play(tmp_path, nap=0.5), tell=Told().tell)

    ended = await asyncio.gather(play(), play())

    assert [one.status for one in ended] == ["successful", "successful"]
    assert journal(tmp_path) == ["start", "end", "start", "end"]


async def _caller(project: Path, runs: Path, play: Play) -> asyncio.subprocess.Process:
    fields = {name: getattr(play, name) for name in Play.__slots__}
    return await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", textwrap.dedent(CALLER)),
        *(str(project), str(runs), json.dumps(fields)),
        stdout=asyncio.subprocess.PIPE,
    )


async def _said(caller: asyncio.subprocess.Process, line: bytes) -> None:
    assert caller.stdout is not None
    while (await caller.stdout.readline()).strip() != line:
        pass


@pytest.mark.skipif(sys.platform != "linux", reason="parent death signals are Linux's")
async def test_killed_with_its_caller_it_is_gone_before_the_next_begins(
    project: Path, runs: Path, tmp_path: Path
):
    caller = await _caller(project, runs, a_play(tmp_path, nap=600))
    await _said(caller, b"started Sleep")

    caller.kill()
    await caller.wait()
    told = Told()
    ended = await AnsiblePlaybooks(project=project, runs=runs).play(
        a_play(tmp_path), tell=told.tell
    )

    assert ended.status == "successful"
    assert marked(runs) == []
    assert journal(tmp_path) == ["start", "start", "end"]


@pytest.mark.skipif(sys.platform != "linux", reason="finding what is left needs /proc")
async def test_even_when_the_supervisor_is_killed_what_is_left_ends_first(
    project: Path, runs: Path, tmp_path: Path
):
    told = Told()
    playbooks = AnsiblePlaybooks(project=project, runs=runs)
    running = asyncio.ensure_future(playbooks.play(a_play(tmp_path, nap=600), tell=told.tell))
    await told.until("started", "Sleep")
    for pid in _supervisors():
        os.kill(pid, signal.SIGKILL)
    broken = await running

    ended = await playbooks.play(a_play(tmp_path), tell=Told().tell)

    assert (broken.status, ended.status) == ("broken", "successful")
    assert marked(runs) == []


@pytest.mark.skipif(sys.platform != "linux", reason="finding it needs /proc")
async def test_ansible_killed_without_an_exit_code_is_a_plain_failure_with_its_remedy(
    project: Path, runs: Path, tmp_path: Path
):
    told = Told()
    playbooks = AnsiblePlaybooks(project=project, runs=runs)
    running = asyncio.ensure_future(playbooks.play(a_play(tmp_path, nap=600), tell=told.tell))
    await told.until("started", "Sleep")

    while not running.done():
        _kill_all(_ansible())
        await asyncio.sleep(0.05)
    ended = running.result()

    assert (ended.status, ended.code) == ("broken", -1)
    why = reason(None, ended, doing="Sleep")
    assert "killed" in why
    assert "memory" in remedy(why)
    assert marked(runs) == []


def _ansible() -> list[int]:
    """Return the forks of the supervisors in which Ansible plays."""
    found: list[int] = []
    for pid in _supervisors():
        with suppress(OSError):
            found += map(int, Path(f"/proc/{pid}/task/{pid}/children").read_text().split())
    return found


def _kill_all(pids: list[int]) -> None:
    for pid in pids:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


def _supervisors() -> list[int]:
    children = Path(f"/proc/{os.getpid()}/task/{os.getpid()}/children").read_text().split()
    return [
        int(pid) for pid in children if b"playbook_run" in Path(f"/proc/{pid}/cmdline").read_bytes()
    ]


async def test_what_cannot_even_start_says_why(project: Path, runs: Path, tmp_path: Path):
    (project / "site.yml").write_text("- hosts: [\n")

    ended = await AnsiblePlaybooks(project=project, runs=runs).play(
        a_play(tmp_path), tell=Told().tell
    )

    assert ended.status == "failed"
    assert any("ERROR" in line for line in ended.output)


def test_sweeping_where_nothing_is_left_harms_nobody():
    end_marked("SPAWNYARD_RUN", "srv_nobody")


def test_at_the_start_what_dead_runs_left_is_removed_and_living_ones_are_let_be(runs: Path):
    for name in ("srv_dead", "srv_alive"):
        (runs / name / "env").mkdir(parents=True)
    with (runs / "srv_alive.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)

        AnsiblePlaybooks(project=runs, runs=runs).sweep()

    assert not (runs / "srv_dead").exists()
    assert (runs / "srv_alive").exists()
