"""Tasks: they run by themselves, end in Proxmox's words, and are remembered."""

import asyncio
from pathlib import Path

import pytest

from proxmox_lab.clock import Clock
from proxmox_lab.guests.port import GuestFailure
from proxmox_lab.refusal import Refusal
from proxmox_lab.tasks.task import Task
from proxmox_lab.tasks.tasks import Tasks, Work
from proxmox_lab.tasks.upid import parse


@pytest.fixture
def tasks(tmp_path: Path) -> Tasks:
    return opened(tmp_path)


def opened(folder: Path, failure: str | None = None) -> Tasks:
    async def trouble(_: Task) -> None:
        if failure is not None:
            raise Refusal(failure)

    return Tasks(file=folder / "tasks.jsonl", clock=Clock(1000), trouble=trouble)


async def ended(tasks: Tasks, work: Work) -> Task:
    task = tasks.find(tasks.start("qmstart", "100", "a@pve!t", work, machine=100))
    assert task is not None
    assert task.work is not None
    await asyncio.wait([task.work])
    return task


async def nothing(task: Task) -> None:
    await task.spend(1)


async def test_work_that_returns_ends_ok(tasks: Tasks) -> None:
    task = await ended(tasks, nothing)

    assert (task.exitstatus, task.lines) == ("OK", ["TASK OK"])
    assert task.seconds > 0


@pytest.mark.parametrize("failure", [Refusal("VM is locked (clone)"), GuestFailure("no disk")])
async def test_work_that_fails_ends_with_its_text(tasks: Tasks, failure: Exception) -> None:
    async def fail(_: Task) -> None:
        raise failure

    task = await ended(tasks, fail)

    assert task.exitstatus == str(failure)
    assert task.lines == [f"TASK ERROR: {failure}"]


async def test_a_warning_is_a_success_of_its_own_kind(tasks: Tasks) -> None:
    async def warn(task: Task) -> None:
        task.warn("no physical CD-ROM available, ignoring")

    task = await ended(tasks, warn)

    assert task.exitstatus == "WARNINGS: 1"
    assert task.lines[-1] == "TASK WARNINGS: 1"


async def test_a_stopped_task_ends_without_a_verdict_in_its_log(tasks: Tasks) -> None:
    async def wait(_: Task) -> None:
        await asyncio.sleep(60)

    task = tasks.find(tasks.start("qmshutdown", "100", "a@pve", wait))
    assert task is not None
    await asyncio.sleep(0)

    await tasks.stop(task)

    assert task.exitstatus == "unexpected status"
    assert not any(line.startswith("TASK") for line in task.lines)


async def test_trouble_ends_a_task_before_it_does_anything(tmp_path: Path) -> None:
    done: list[str] = []

    async def act(_: Task) -> None:
        done.append("acted")

    task = await ended(opened(tmp_path, "disk full"), act)

    assert task.exitstatus == "disk full"
    assert done == []


async def test_finished_tasks_are_known_after_a_restart(tasks: Tasks, tmp_path: Path) -> None:
    task = await ended(tasks, nothing)

    again = opened(tmp_path).find(str(task.upid))

    assert again is not None
    assert (again.exitstatus, again.lines) == ("OK", ["TASK OK"])


async def test_a_task_that_was_cut_off_by_a_crash_is_told_as_such(
    tasks: Tasks, tmp_path: Path
) -> None:
    upid = tasks.start("qmclone", "9000", "a@pve", nothing)
    with (tmp_path / "tasks.jsonl").open("a") as file:
        file.write('{"upid": "UPID:cut')

    again = opened(tmp_path).find(upid)

    assert again is not None
    assert again.exitstatus == "unexpected status"
    await tasks.close()


def test_a_upid_survives_being_written_and_read() -> None:
    text = "UPID:pve:00000105:000560A4:6B014DE8:qmclone:9000:deployer@pve!app:"

    upid = parse(text)

    assert str(upid) == text
    assert (upid.user, upid.token, upid.type) == ("deployer@pve", "app", "qmclone")


@pytest.mark.parametrize("text", ["garbage", "UPID:pve:1:2:3:qmstart:100:a@pve:", ""])
def test_what_is_no_upid_is_refused(text: str) -> None:
    with pytest.raises(Refusal) as refused:
        parse(text)

    assert refused.value.errors == {"upid": "unable to parse worker upid"}


async def test_a_killed_worker_leaves_what_it_had_done_and_no_last_line(tasks: Tasks) -> None:
    done: list[str] = []

    async def work(task: Task) -> None:
        task.say("half")
        done.append("half")
        await task.spend(60_000)
        done.append("whole")

    task = tasks.find(tasks.start("qmclone", "100", "a@pve", work))
    assert task is not None
    await asyncio.sleep(0.01)

    await tasks.kill(task)

    assert (task.exitstatus, task.lines, done) == ("unexpected status", ["half"], ["half"])
