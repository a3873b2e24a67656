"""A run from its start to its end, undisturbed and cut off everywhere."""

import asyncio
import json
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta

import pytest

from common.contracts import events as evt
from common.contracts.base import now
from provisioner import work
from provisioner.domain.run import Run, Stage
from provisioner.handlers import on_event
from provisioner.work import time_left, work_on
from tests.fakes.provisioner import (
    OPERATION,
    SERVER,
    SPEC,
    FakeProvisioner,
    cancel,
    removal,
    sealed,
    vm_ready,
)
from tests.fakes.provisioner import PowerCut as Cut
from tests.unit.provisioner.runs import finish, once_deployed

pytestmark = pytest.mark.usefixtures("quick")


async def test_a_run_takes_its_steps_and_announces_the_server(world: FakeProvisioner):
    await finish(world)

    [ready] = world.said(evt.ServerReady)
    assert world.run.stage is Stage.DONE
    assert world.steps() == [
        ("ssh", "running"),
        ("ssh", "succeeded"),
        ("resolve", "running"),
        ("resolve", "succeeded"),
        ("playbook", "running"),
        ("playbook", "succeeded"),
        ("ready", "running"),
        ("ready", "succeeded"),
    ]
    assert (ready.connect, ready.versions["game"]) == ("127.0.0.9:31000", "5.10")
    assert world.queries.asked == [("ping", "127.0.0.9", 31000)]


async def test_the_progress_counts_tasks(world: FakeProvisioner):
    await finish(world)

    told = [(s.progress, s.detail) for s in world.said(evt.StepChanged) if s.detail]
    assert told == [(0, "task 1 of 2: Install"), (0.5, "task 2 of 2: Configure")]


async def test_a_settled_run_is_left_alone(world: FakeProvisioner):
    await finish(world)
    said = list(world.outbox.messages)

    await finish(world)

    assert world.outbox.messages == said
    assert len(world.playbooks.plays) == 1


async def test_people_s_values_reach_the_playbook_wrapped(world: FakeProvisioner):
    await finish(world)

    [play] = world.playbooks.plays
    assert play.variables["settings"] == {
        "slots": 8,
        "motd": {"__ansible_unsafe": "{{ hello }}"},
        "password": {"__ansible_unsafe": "hunter2"},
    }
    assert play.tags == ()


async def test_cut_anywhere_it_heals():
    point = 0
    for point in range(100):
        world = FakeProvisioner()
        await on_event(vm_ready(), work=world)
        world.power.left = point
        try:
            await finish(world)
        except Cut:
            await finish(world)
        else:
            break

        assert world.run.stage is Stage.DONE, point
        assert len(world.said(evt.ServerReady)) == 1, point
        assert world.playbooks.installed == {SERVER}
        assert world.playbooks.most_running == 1
    assert point > 15


async def test_a_playbook_taken_up_again_restarts_what_may_be_half_done(world: FakeProvisioner):
    world.runs.rows[SERVER] = world.run.begun().advanced().begun().advanced().begun()

    await finish(world)

    assert world.playbooks.plays[0].tags == ("again",)


async def test_a_guest_that_comes_up_slowly_is_waited_for(world: FakeProvisioner):
    world.guests.silent = world.queries.silent = 3

    await finish(world)

    assert world.run.stage is Stage.DONE


async def test_a_failed_task_is_told_with_its_reason_remedy_and_last_lines(world: FakeProvisioner):
    world.playbooks.fails = "Failed to update apt cache: hunter2"

    await finish(world)

    [failed] = world.said(evt.ServerFailed)
    assert failed.step == "playbook"
    assert failed.reason == ("task 'Install' failed on guest: Failed to update apt cache: [masked]")
    assert "package mirror" in failed.remedy
    assert failed.last_lines[-1].startswith("failed: Install")
    assert world.steps()[-1] == ("playbook", "failed")


async def test_no_secret_is_ever_told(world: FakeProvisioner):
    world.playbooks.fails = "the password hunter2 is wrong"

    await finish(world)

    said = " ".join(m.model_dump_json() for m in world.outbox.messages)
    assert "hunter2" not in said + " ".join(world.texts())


async def test_no_secret_is_told_in_any_spelling_or_kept(world: FakeProvisioner):
    secret = 'canary "7" \\ é'
    envelope = sealed(secret, pointer="/password")
    spec = SPEC.model_copy(update={"settings": {"password": envelope}})
    world.runs.rows.clear()
    await on_event(vm_ready(spec=spec), work=world)
    world.playbooks.fails = f"{secret} | {json.dumps(secret)} | {secret!r} | 'canary\n  \"7\" \\ é'"

    await finish(world)

    [play] = world.playbooks.plays
    assert play.variables["settings"] == {"slots": 8, "password": {"__ansible_unsafe": secret}}
    said = " ".join(m.model_dump_json() for m in world.outbox.messages) + " ".join(world.texts())
    assert said.count("canary") == 0
    assert "canary" not in repr((play, world.runs))
    assert "[masked]" in world.said(evt.ServerFailed)[0].reason


async def test_a_game_s_last_words_do_not_hold_its_password(world: FakeProvisioner):
    world.queries.silent = 10_000
    world.guests.journal = ("password is 'hunter2'",)

    await finish(world)

    assert world.said(evt.ServerFailed)[0].last_lines == ("password is '[masked]'",)


async def test_an_envelope_of_another_server_fails_the_run_before_any_playbook():
    world = FakeProvisioner()
    other = str(SPEC.settings["password"]).replace(SERVER, "srv_2")
    spec = SPEC.model_copy(update={"settings": {"password": other}})
    await on_event(vm_ready(spec=spec), work=world)

    await finish(world)

    assert "/password does not open" in world.said(evt.ServerFailed)[0].reason
    assert world.playbooks.plays == []


async def test_an_impostor_fails_the_run_before_any_playbook(world: FakeProvisioner):
    world.guests.impostor = True

    await finish(world)

    assert world.said(evt.ServerFailed)[0].step == "ssh"
    assert world.playbooks.plays == []


async def test_without_a_host_key_nobody_is_trusted():
    world = FakeProvisioner()
    await on_event(vm_ready(host_keys=()), work=world)

    await finish(world)

    assert "host key" in world.said(evt.ServerFailed)[0].reason
    assert world.guests.logins == 0


async def test_trust_on_first_use_is_said_aloud_and_pinned():
    world = FakeProvisioner()
    await on_event(vm_ready(host_keys=(), host_key_policy="tofu"), work=world)

    await finish(world)

    assert "HOST KEY NOT VERIFIED (tofu)" in world.texts()
    assert world.run.host_keys
    assert "ssh-ed25519" in world.playbooks.plays[0].known_hosts


async def test_a_game_that_does_not_answer_fails_with_its_last_words(world: FakeProvisioner):
    world.queries.silent = 10_000
    world.guests.journal = ("ERROR: no world\x1b[31m",)

    await finish(world)

    [failed] = world.said(evt.ServerFailed)
    assert (failed.step, failed.last_lines) == ("ready", ("ERROR: no world\\x1b[31m",))


async def test_an_unknown_game_fails_with_a_reason():
    world = FakeProvisioner()
    await on_event(vm_ready(spec=SPEC.model_copy(update={"game": "chess"})), work=world)

    await finish(world)

    assert "chess" in world.said(evt.ServerFailed)[0].reason


async def test_past_its_deadline_a_run_fails():
    world = FakeProvisioner()
    await on_event(vm_ready(deadline=now() + timedelta(seconds=2)), work=world)
    world.playbooks.hangs = True

    await finish(world)

    [failed] = world.said(evt.ServerFailed)
    assert failed.reason == "step playbook was not done in time: it was at task 'Install'"
    assert failed.last_lines == ("task: Install",)
    assert world.playbooks.running == 0


def test_a_playbook_that_downloads_for_long_is_given_all_the_time_there_is():
    event = vm_ready(deadline=now() + timedelta(hours=3))
    connecting = Run(server_id=SERVER, operation_id=OPERATION, vm=event, stage=Stage.CONNECTING)
    playing = replace(connecting, stage=Stage.PLAYING)

    assert time_left(playing, event, at=now()) > timedelta(hours=2)
    assert time_left(connecting, event, at=now()) <= timedelta(minutes=30)


async def test_how_long_each_task_took_is_told_with_the_outcome(world: FakeProvisioner):
    await finish(world)

    [ready] = world.said(evt.ServerReady)
    assert [(t.task, t.seconds, t.changed) for t in ready.timings] == [
        ("Install", 1.5, True),
        ("Configure", 1.5, True),
    ]


async def test_how_long_each_task_took_is_told_also_when_one_fails(world: FakeProvisioner):
    world.playbooks.fails = "no"

    await finish(world)

    [failed] = world.said(evt.ServerFailed)
    assert [(t.task, t.changed) for t in failed.timings] == [("Install", False)]


async def test_a_playbook_that_hangs_fails_with_the_task_it_was_at(world: FakeProvisioner):
    world.playbooks.hung = True

    await finish(world)

    [failed] = world.said(evt.ServerFailed)
    assert (failed.step, "'Install'" in failed.reason) == ("playbook", True)
    assert "no sign of life" in failed.reason
    assert "manifest" in failed.remedy
    assert world.playbooks.plays[0].hang == 900


async def test_a_removal_stops_the_playbook_and_nothing_is_announced(world: FakeProvisioner):
    world.playbooks.hangs = True
    working = asyncio.ensure_future(finish(world))
    while not world.playbooks.running:
        await asyncio.sleep(0.01)

    await on_event(removal(), work=world)
    await working

    assert world.playbooks.running == 0
    assert world.run.stage is Stage.CANCELLED
    assert world.said(evt.ServerReady) == world.said(evt.ServerFailed) == []


async def test_nothing_is_written_of_a_run_that_is_not_wanted_any_more(world: FakeProvisioner):
    # Its operation may have ended, and who has seen the last line of a log reads no further.
    world.playbooks.hangs = True
    working = asyncio.ensure_future(finish(world))
    while not world.playbooks.running:
        await asyncio.sleep(0.01)
    told = world.texts(), list(world.outbox.messages)

    await on_event(cancel(), work=world)
    await working

    assert (world.texts(), world.outbox.messages) == told
    assert world.playbooks.running == 0


@pytest.mark.parametrize("kind", ["start", "restart"])
async def test_a_mere_start_plays_nothing_if_nothing_has_changed(kind: str):
    world = await once_deployed()
    await on_event(vm_ready(operation_id="op_6", kind=kind), work=world)

    await finish(world)

    assert world.playbooks.plays == []
    [told] = [s for s in world.said(evt.StepChanged) if s.detail]
    assert (told.step, told.state, told.progress) == ("playbook", "succeeded", 1)
    assert told.detail == "nothing has changed since it was last applied"
    assert [step for step, state in world.steps() if state == "succeeded"] == [
        *("ssh", "playbook", "ready")
    ]
    assert len(world.said(evt.ServerReady)) == 1


@pytest.mark.parametrize("kind", ["deploy", "resize", "reconfigure"])
async def test_every_other_operation_plays(kind: str):
    world = await once_deployed()
    await on_event(vm_ready(operation_id="op_6", kind=kind), work=world)

    await finish(world)

    assert [play.tags == ("again",) for play in world.playbooks.plays] == [False]


@pytest.mark.parametrize("kind", ["start", "restart"])
async def test_a_start_applies_what_has_changed_since(kind: str):
    world = await once_deployed()
    other = SPEC.model_copy(update={"settings": {**SPEC.settings, "motd": "new"}})
    await on_event(vm_ready(operation_id="op_6", kind=kind, spec=other), work=world)

    await finish(world)

    assert len(world.playbooks.plays) == 1
    assert world.run.applied == other.model_copy(update={"lock": world.run.lock})


@pytest.mark.parametrize("trouble", ["fails", "cancelled"])
async def test_after_a_playbook_that_was_not_finished_the_next_start_plays_it_all(trouble: str):
    world = await once_deployed()
    world.playbooks.fails, world.playbooks.hangs = "no", trouble == "cancelled"
    await on_event(vm_ready(operation_id="op_6", kind="reconfigure"), work=world)
    working = asyncio.ensure_future(finish(world))
    while not world.playbooks.plays:
        await asyncio.sleep(0.001)
    await on_event(cancel(operation_id="op_6"), work=world)
    await working
    world.playbooks.fails, world.playbooks.hangs = "", False

    await on_event(vm_ready(operation_id="op_7", kind="start"), work=world)
    await finish(world)

    assert [play.tags == ("again",) for play in world.playbooks.plays] == [False, True]
    applied = SPEC.model_copy(update={"lock": world.run.lock})
    assert (world.run.stage, world.run.applied) == (Stage.DONE, applied)


async def test_a_mere_start_cut_anywhere_heals():
    point = 0
    for point in range(100):
        world = await once_deployed()
        await on_event(vm_ready(operation_id="op_6", kind="start"), work=world)
        world.power.left = point
        try:
            await finish(world)
        except Cut:
            await finish(world)
        else:
            break

        assert (world.run.stage, world.playbooks.plays) == (Stage.DONE, []), point
        assert len(world.said(evt.ServerReady)) == 1, point
    assert point >= 10


async def test_a_step_cut_off_too_often_fails_instead_of_going_round_for_ever(
    world: FakeProvisioner,
):
    for _ in range(work.MOST_ATTEMPTS):
        world.runs.rows[SERVER] = world.run.begun()

    await finish(world)

    assert "cut off" in world.said(evt.ServerFailed)[0].reason
    assert world.run.operation_id == OPERATION


async def test_lines_keep_their_keys_when_an_attempt_is_told_again(world: FakeProvisioner):
    await finish(world)

    keys = [line.key for line in world.log.lines]
    assert len(keys) == len(set(keys))
    assert "playbook:1:0" in keys


async def test_a_database_that_is_away_for_a_while_costs_no_second_playbook(
    world: FakeProvisioner,
):
    transactions = 0

    @asynccontextmanager
    async def shaky() -> AsyncGenerator[FakeProvisioner]:
        nonlocal transactions
        transactions += 1
        if world.playbooks.plays and world.run.stage is Stage.PLAYING and transactions % 3:
            raise ConnectionError
        async with world() as tx:
            yield tx

    await work_on(SERVER, work=shaky, tools=world.tools)

    assert world.run.stage is Stage.DONE
    assert len(world.playbooks.plays) == 1
    assert len(world.said(evt.ServerReady)) == 1
