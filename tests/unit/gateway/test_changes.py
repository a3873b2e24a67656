"""Changes of servers that are there: accepted in their turn, folded once, never half."""

import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest

from common.contracts import events as evt
from common.contracts.ids import new_id
from common.contracts.sealed import is_sealed
from gateway.domain.errors import (
    DiskCannotShrink,
    GameNotFound,
    KeyReused,
    NeedsNewWorld,
    NotCancellable,
    NothingToChange,
    PhaseForbids,
    ServerBusy,
    ServerDeleted,
    ServerNotFound,
    SettingsRefused,
    UnknownPlan,
)
from gateway.domain.game import Game
from gateway.domain.kind import CHANGES, Kind
from gateway.domain.operation import Operation
from gateway.domain.phase import Phase
from gateway.domain.server import Server, actions
from gateway.domain.shape import Alteration
from gateway.domain.transitions import State
from gateway.handlers.acceptance import Asked
from gateway.handlers.operations import request_cancel
from gateway.handlers.reconciler import reconcile
from gateway.handlers.servers import request, request_alteration, request_update
from gateway.ports.records import RequestKey
from tests.fakes.gateway import BLOCKS, MOMENT, FakeCatalogue, FakeSeals, FakeWork, PowerCut
from tests.unit.gateway.facts import (
    BLOCKED,
    READY,
    SERVER_FAILED,
    VM_READY,
    VM_STOPPED,
    vm_failed,
    vm_observed,
)
from tests.unit.gateway.test_events import about, deployed, hear

PRE_EMPTED = [kind for kind in CHANGES if kind is not Kind.KILL]
LET_GO = [kind for kind in PRE_EMPTED if kind is not Kind.UPDATE]  # the others are left as they are
LARGER = Alteration(plan="medium")


async def ask(
    work: FakeWork,
    server: Server,
    kind: Kind,
    *,
    owner: str = "usr_1",
    key: RequestKey | None = None,
    force: bool = False,
) -> Operation:
    """Ask for a change of any kind."""
    asked = Asked(server_id=server.id, owner_id=owner, key=key)
    match kind:
        case Kind.RESIZE:
            return await alter(work, server, LARGER, asked=asked)
        case Kind.RECONFIGURE:
            return await alter(work, server, Alteration(settings={"motd": "Other"}), asked=asked)
        case Kind.UPDATE:
            return await request_update(
                asked, None, catalogue=FakeCatalogue(), work=work, at=MOMENT
            )
        case _:
            return await request(asked, kind, work=work, at=MOMENT, force=force)


async def alter(
    work: FakeWork,
    server: Server,
    wanted: Alteration,
    *,
    asked: Asked | None = None,
    seals: FakeSeals | None = None,
    catalogue: FakeCatalogue | None = None,
) -> Operation:
    return await request_alteration(
        asked or Asked(server_id=server.id, owner_id="usr_1"),
        wanted,
        catalogue=catalogue or FakeCatalogue(),
        seals=seals or FakeSeals(),
        work=work,
        at=MOMENT,
    )


async def in_phase(work: FakeWork, phase: Phase = Phase.RUNNING) -> Server:
    """A server that came up, and was brought into a phase."""
    _, server = await deployed(work, VM_READY, READY)
    server = replace(work.servers.rows[server.id], phase=phase)
    work.servers.rows[server.id] = server
    return server


async def changing(work: FakeWork, kind: Kind) -> Operation:
    """A server on which a change of this kind is active."""
    off = kind is Kind.START
    server = await in_phase(work, Phase.STOPPED if off else Phase.RUNNING)
    return await ask(work, server, kind)


def now_of(work: FakeWork, operation: Operation) -> tuple[State, Phase]:
    return (
        work.operations.rows[operation.id].state,
        work.servers.rows[operation.server_id].phase,
    )


async def tell(work: FakeWork, operation: Operation, fact: evt.AnyEvent) -> None:
    """Let a fact be heard, as one that was never heard before."""
    told = fact.model_copy(update={"id": new_id("event")})
    await hear(work, about(operation, told))


ACTIVE = {
    Kind.START: Phase.STARTING,
    Kind.STOP: Phase.STOPPING,
    Kind.RESTART: Phase.RESTARTING,
    Kind.KILL: Phase.STOPPING,
    Kind.RESIZE: Phase.CHANGING,
    Kind.RECONFIGURE: Phase.CHANGING,
    Kind.UPDATE: Phase.CHANGING,
}
DONE = {
    Kind.START: (READY, Phase.RUNNING),
    Kind.STOP: (VM_STOPPED, Phase.STOPPED),
    Kind.RESTART: (READY, Phase.RUNNING),
    Kind.KILL: (VM_STOPPED, Phase.STOPPED),
    Kind.RESIZE: (READY, Phase.RUNNING),
    Kind.RECONFIGURE: (READY, Phase.RUNNING),
    Kind.UPDATE: (READY, Phase.RUNNING),
}


@pytest.mark.parametrize("kind", CHANGES)
async def test_a_change_runs_its_course(kind: Kind) -> None:
    work = FakeWork()
    operation = await changing(work, kind)
    (asked,) = work.outbox.of(evt.ChangeRequested)
    assert isinstance(asked, evt.ChangeRequested)
    assert (asked.kind, asked.operation_id) == (kind, operation.id)
    assert (asked.spec, asked.deadline) == (operation.spec, operation.deadline)
    assert now_of(work, operation) == (State.QUEUED, ACTIVE[kind])

    fact, phase = DONE[kind]
    await tell(work, operation, fact)
    await tell(work, operation, fact)

    server = work.servers.rows[operation.server_id]
    assert now_of(work, operation) == (State.SUCCEEDED, phase)
    assert server.spec == operation.spec
    assert server.operation_id == operation.id
    assert [e.kind for e in work.outbox.of(evt.OperationFinished)].count(kind) == 1  # type: ignore[attr-defined]


@pytest.mark.parametrize("kind", [Kind.RESIZE, Kind.RECONFIGURE])
async def test_a_server_that_is_off_is_changed_and_stays_off(kind: Kind) -> None:
    work = FakeWork()
    operation = await ask(work, await in_phase(work, Phase.STOPPED), kind)

    await tell(work, operation, VM_STOPPED)

    assert now_of(work, operation) == (State.SUCCEEDED, Phase.STOPPED)
    assert work.servers.rows[operation.server_id].spec == operation.spec


@pytest.mark.parametrize("kind", CHANGES)
@pytest.mark.parametrize(
    ("power", "phase"),
    [("running", Phase.RUNNING), ("stopped", Phase.STOPPED), ("unknown", Phase.FAILED)],
)
async def test_a_change_that_fails_takes_nothing_back(kind: Kind, power: str, phase: Phase) -> None:
    work = FakeWork()
    operation = await changing(work, kind)
    before = work.servers.rows[operation.server_id].spec

    await tell(work, operation, vm_failed(power))

    server = work.servers.rows[operation.server_id]
    failed = work.operations.rows[operation.id]
    assert now_of(work, operation) == (State.FAILED, phase)
    assert server.spec == before, "it is not what it was asked to be"
    assert (server.failure is not None) == (phase is Phase.FAILED)
    assert failed.failure is not None
    assert failed.failure.remedy.endswith("then try again.")
    assert not work.outbox.of(evt.RemovalRequested)


@pytest.mark.parametrize("kind", [Kind.START, Kind.RESTART, Kind.RESIZE, Kind.RECONFIGURE])
async def test_a_game_that_does_not_come_up_again_is_a_failed_server_with_a_vm(kind: Kind) -> None:
    work = FakeWork()
    operation = await changing(work, kind)

    await tell(work, operation, SERVER_FAILED)

    server = work.servers.rows[operation.server_id]
    assert now_of(work, operation) == (State.FAILED, Phase.FAILED)
    assert server.failure is not None
    again = await ask(work, server, Kind.RESTART)
    assert work.servers.rows[server.id].failure is None
    assert again.id > operation.id


@pytest.mark.parametrize("kind", [*LET_GO, Kind.KILL])
async def test_a_change_past_its_deadline_fails(kind: Kind) -> None:
    work = FakeWork()
    operation = await changing(work, kind)

    await reconcile(work=work, at=operation.deadline)

    failed = work.operations.rows[operation.id]
    assert now_of(work, operation) == (State.FAILED, Phase.FAILED)
    assert failed.failure is not None
    assert failed.failure.code == "deadline_passed"


@pytest.mark.parametrize("kind", CHANGES)
async def test_a_quiet_change_is_asked_for_again(kind: Kind) -> None:
    work = FakeWork()
    operation = await changing(work, kind)

    await reconcile(work=work, at=MOMENT + timedelta(seconds=31))

    first, again = work.outbox.of(evt.ChangeRequested)
    assert first.id != again.id
    assert first.model_dump(exclude={"id", "time"}) == again.model_dump(exclude={"id", "time"})
    assert operation.id == again.model_dump()["operation_id"]


@pytest.mark.parametrize("kind", LET_GO)
@pytest.mark.parametrize(
    ("power", "phase"),
    [("running", Phase.RUNNING), ("stopped", Phase.STOPPED), ("unknown", Phase.FAILED)],
)
async def test_a_change_is_called_off_and_the_vm_looked_at(
    kind: Kind, power: str, phase: Phase
) -> None:
    work = FakeWork()
    operation = await changing(work, kind)
    before = work.servers.rows[operation.server_id].spec

    for _ in range(2):
        await request_cancel(operation.id, owner_id="usr_1", work=work, at=MOMENT)
    assert len(work.outbox.of(evt.CancelRequested)) == 1
    await tell(work, operation, READY)  # crossed the cancellation
    assert work.operations.rows[operation.id].state is State.CANCELLING
    await tell(work, operation, vm_observed(power))

    server = work.servers.rows[operation.server_id]
    assert now_of(work, operation) == (State.CANCELLED, phase)
    assert server.spec == before
    assert (server.failure is not None) == (phase is Phase.FAILED)


async def test_a_cancellation_nobody_answers_is_asked_again_and_fails_in_the_end() -> None:
    work = FakeWork()
    operation = await changing(work, Kind.START)
    await request_cancel(operation.id, owner_id="usr_1", work=work, at=MOMENT)

    await reconcile(work=work, at=MOMENT + timedelta(seconds=31))
    assert len(work.outbox.of(evt.CancelRequested)) == 2
    await reconcile(work=work, at=MOMENT + timedelta(minutes=5))

    assert now_of(work, operation) == (State.FAILED, Phase.FAILED)
    assert "How the VM stands" not in work.outbox.texts()[-1]
    failure = work.servers.rows[operation.server_id].failure
    assert failure is not None
    assert failure.code == "cancel_overdue"


async def test_a_kill_runs_to_its_end() -> None:
    work = FakeWork()
    operation = await changing(work, Kind.KILL)

    with pytest.raises(NotCancellable):
        await request_cancel(operation.id, owner_id="usr_1", work=work, at=MOMENT)


@pytest.mark.parametrize("kind", PRE_EMPTED)
@pytest.mark.parametrize("cancelling", [False, True])
@pytest.mark.parametrize("first", [Kind.KILL, Kind.DELETE])
async def test_a_kill_and_a_deletion_do_not_wait(kind: Kind, cancelling: bool, first: Kind) -> None:
    work = FakeWork()
    overtaken = await changing(work, kind)
    server = work.servers.rows[overtaken.server_id]
    if cancelling:
        await request_cancel(overtaken.id, owner_id="usr_1", work=work, at=MOMENT)

    operation = await ask(work, server, first)
    again = await ask(work, server, first)
    await tell(work, overtaken, vm_observed("running"))  # comes too late

    phase = Phase.STOPPING if first is Kind.KILL else Phase.DELETING
    assert again.id == operation.id > overtaken.id
    assert now_of(work, overtaken) == (State.CANCELLED, phase)
    assert now_of(work, operation) == (State.QUEUED, phase)
    assert f"Cancelled: overtaken by {operation.id}." in work.outbox.texts()
    cancels = work.outbox.of(evt.CancelRequested)
    assert {c.model_dump()["operation_id"] for c in cancels} == {overtaken.id}
    assert work.servers.rows[server.id].operation_id == operation.id


@pytest.mark.parametrize("kind", CHANGES)
async def test_one_operation_at_a_time(kind: Kind) -> None:
    work = FakeWork()
    active = await changing(work, kind)
    server = work.servers.rows[active.server_id]

    for other in (*CHANGES, Kind.DELETE):
        if other in (Kind.KILL, Kind.DELETE) and kind is not Kind.KILL:
            continue
        if other is kind is Kind.KILL:
            continue
        with pytest.raises(ServerBusy) as refused:
            await ask(work, server, other)
        assert active.id in refused.value.detail
        assert refused.value.remedy

    assert len(work.operations.rows) == 2


async def test_a_deployment_is_not_pre_empted() -> None:
    work = FakeWork()
    operation, server = await deployed(work)

    for kind in (Kind.KILL, Kind.DELETE, Kind.STOP):
        with pytest.raises(ServerBusy) as refused:
            await ask(work, server, kind)
        assert f"Cancel {operation.id} first" in (refused.value.remedy or "")


async def test_what_the_phase_does_not_allow_leaves_no_trace() -> None:
    work = FakeWork()
    server = await in_phase(work, Phase.STOPPED)
    before = list(work.outbox.messages)
    key = RequestKey(scope="s", key="k", body_hash="h")

    with pytest.raises(PhaseForbids) as refused:
        await ask(work, server, Kind.STOP, key=key)

    assert refused.value.remedy == "It is off already: there is nothing to do."
    assert (work.outbox.messages, work.servers.rows[server.id]) == (before, server)
    assert not work.request_keys.rows
    assert await ask(work, server, Kind.START, key=key)


async def test_a_server_whose_deployment_failed_can_only_be_deleted() -> None:
    work = FakeWork()
    _, server = await deployed(work, VM_READY, SERVER_FAILED, evt.VMDeleted(
        server_id="?", operation_id="?"
    ))  # fmt: skip
    assert (server.phase, server.has_vm) == (Phase.FAILED, False)

    with pytest.raises(PhaseForbids) as refused:
        await ask(work, server, Kind.START)

    assert "no VM" in (refused.value.remedy or "")
    assert await ask(work, server, Kind.DELETE)


@pytest.mark.parametrize("late", [False, True])
async def test_a_server_whose_removal_failed_can_only_be_deleted_again(late: bool) -> None:
    work = FakeWork()
    server = await in_phase(work)
    deletion = await ask(work, server, Kind.DELETE)
    if late:
        await reconcile(work=work, at=deletion.ends_by)
    else:
        await tell(work, deletion, BLOCKED)

    failed = work.servers.rows[server.id]
    assert failed.phase is Phase.FAILED
    assert actions(failed) == [Kind.DELETE]


@pytest.mark.parametrize("late", [False, True])
async def test_a_cancelled_deployment_that_left_a_vm_can_only_be_deleted(late: bool) -> None:
    work = FakeWork()
    operation, server = await deployed(work, VM_READY, keep=True)
    cancelling = await request_cancel(operation.id, owner_id="usr_1", work=work, at=MOMENT)
    if late:
        await reconcile(work=work, at=cancelling.ends_by)
    else:
        await tell(work, operation, BLOCKED)

    failed = work.servers.rows[server.id]
    assert failed.failure is not None
    assert failed.failure.code == ("removal_overdue" if late else "removal_blocked")
    assert actions(failed) == [Kind.DELETE]


async def test_a_vm_that_was_kept_can_be_mended_and_restarted() -> None:
    work = FakeWork()
    _, server = await deployed(work, VM_READY, SERVER_FAILED, keep=True)
    assert server.has_vm

    operation = await ask(work, server, Kind.RECONFIGURE)
    await tell(work, operation, READY)

    assert now_of(work, operation) == (State.SUCCEEDED, Phase.RUNNING)


async def test_a_server_is_remembered_to_have_a_vm_though_it_came_up_before_that_was_kept() -> None:
    work = FakeWork()
    server = replace(await in_phase(work), has_vm=False)
    work.servers.rows[server.id] = server
    operation = await ask(work, server, Kind.STOP)

    await tell(work, operation, vm_failed("unknown"))

    assert await ask(work, server, Kind.KILL)


async def test_servers_of_others_and_deleted_ones_are_not_changed() -> None:
    work = FakeWork()
    server = await in_phase(work)

    for kind in CHANGES:
        with pytest.raises(ServerNotFound):
            await ask(work, server, kind, owner="usr_2")
    work.servers.rows[server.id] = replace(server, phase=Phase.DELETED)
    for kind in (*CHANGES, Kind.DELETE):
        with pytest.raises(ServerDeleted):
            await ask(work, server, kind)


async def test_a_forced_restart_says_so() -> None:
    work = FakeWork()
    await ask(work, await in_phase(work), Kind.RESTART, force=True)

    (asked,) = work.outbox.of(evt.ChangeRequested)
    assert asked.model_dump()["force"] is True


KEY = RequestKey(scope="usr_1 POST /v1/servers/srv_1/x", key="k", body_hash="h")


@pytest.mark.parametrize("kind", CHANGES)
async def test_asking_twice_under_one_key_is_asking_once(kind: Kind) -> None:
    work = FakeWork()
    server = await in_phase(work, Phase.STOPPED if kind is Kind.START else Phase.RUNNING)

    answers = await asyncio.gather(*(ask(work, server, kind, key=KEY) for _ in range(4)))
    await tell(work, answers[0], DONE[kind][0])

    assert await ask(work, server, kind, key=KEY) == answers[0]
    assert len({answer.id for answer in answers}) == 1
    assert len(work.outbox.of(evt.ChangeRequested)) == 1
    with pytest.raises(KeyReused):
        await ask(work, server, kind, key=replace(KEY, body_hash="other"))


@pytest.mark.parametrize("kind", [Kind.KILL, Kind.DELETE])
async def test_a_key_that_found_it_under_way_already_means_the_one_under_way(kind: Kind) -> None:
    work = FakeWork()
    server = await in_phase(work)
    first = await ask(work, server, kind, key=KEY)

    later = replace(KEY, key="later")
    answers = [await ask(work, server, kind, key=later) for _ in range(2)]

    assert {answer.id for answer in answers} == {first.id}


@pytest.mark.parametrize("cut", ["before commit", "after commit"])
@pytest.mark.parametrize("kind", [Kind.STOP, Kind.KILL, Kind.RESIZE])
async def test_a_request_cut_anywhere_heals_by_asking_again(cut: str, kind: Kind) -> None:
    work = FakeWork()
    active = await changing(work, Kind.RESTART) if kind is Kind.KILL else None
    server = work.servers.rows[active.server_id] if active else await in_phase(work)
    work.cut = cut

    with pytest.raises(PowerCut):
        await ask(work, server, kind, key=KEY)
    await ask(work, server, kind, key=KEY)

    asked = [e.model_dump()["kind"] for e in work.outbox.of(evt.ChangeRequested)]
    assert asked.count(kind) == 1
    assert active is None or work.operations.rows[active.id].state is State.CANCELLED


# Alterations --------------------------------------------------------------------------------


async def with_settings(work: FakeWork, **settings: object) -> Server:
    server = await in_phase(work)
    spec = server.spec.model_copy(update={"settings": {"motd": "Hello", "mode": "easy"} | settings})
    work.servers.rows[server.id] = replace(server, spec=spec)
    return work.servers.rows[server.id]


async def test_settings_are_merged_by_name_and_null_is_the_default() -> None:
    work = FakeWork()
    server = await with_settings(work, mode="hard", players=5)

    operation = await alter(
        work, server, Alteration(settings={"players": None, "mode": None, "motd": "New"})
    )

    assert operation.kind is Kind.RECONFIGURE
    assert operation.spec.settings == {"motd": "New", "mode": "easy", "password": ""}
    assert work.servers.rows[server.id].spec == server.spec, "until it has succeeded"


async def test_a_setting_the_game_no_longer_has_can_be_taken_away() -> None:
    work = FakeWork()
    server = await with_settings(work, colour="red")

    operation = await alter(work, server, Alteration(settings={"colour": None}))

    assert "colour" not in operation.spec.settings


async def test_a_secret_that_is_not_mentioned_stays_in_its_envelope() -> None:
    work = FakeWork()
    server = await with_settings(
        work,
        password="sealed:v1:p",
        keys=["sealed:v1:a", "sealed:v1:b"],
        world={"seed": 1, "pin": "sealed:v1:n"},
    )
    seals = FakeSeals()

    operation = await alter(
        work, server, Alteration(settings={"mode": "hard", "keys": ["canary"]}), seals=seals
    )

    settings = operation.spec.settings
    assert settings["password"] == "sealed:v1:p"
    assert settings["world"] == {"seed": 1, "pin": "sealed:v1:n"}
    assert seals.made == [(b'"canary"', server.id, "/keys/0")]
    assert isinstance(settings["keys"], list)
    assert is_sealed(settings["keys"][0])
    assert "canary" not in repr((work.operations, work.servers, work.outbox))


@pytest.mark.parametrize(
    ("wanted", "pointer"),
    [
        ({"mode": "odd"}, "/settings/mode"),
        ({"colour": 1}, "/settings/colour"),
        ({"colour": None, "mode": "hard"}, "/settings/colour"),
        ({"password": "sealed:v1:stolen"}, "/settings/password"),
        ({"keys": ["sealed:v1:stolen"]}, "/settings/keys/0"),
        ({"world": {"seed": 1, "pin": "sealed:v1:stolen"}}, "/settings/world/pin"),
    ],
)
async def test_settings_that_do_not_fit_are_refused(wanted: object, pointer: str) -> None:
    work = FakeWork()
    server = await with_settings(work, password="sealed:v1:p")

    with pytest.raises(SettingsRefused) as refused:
        await alter(work, server, Alteration(settings=wanted))  # type: ignore[arg-type]

    assert pointer in {fault.pointer for fault in refused.value.faults}


async def test_another_plan_is_a_resize_whatever_else_changes() -> None:
    work = FakeWork()
    server = await with_settings(work)

    operation = await alter(
        work, server, Alteration(plan="large", name="other", settings={"motd": "New"})
    )

    assert operation.kind is Kind.RESIZE
    assert (operation.spec.plan.name, operation.spec.name) == ("large", "other")
    await tell(work, operation, READY)
    assert work.servers.rows[server.id].spec.name == "other"


async def test_a_disk_does_not_shrink() -> None:
    work = FakeWork()
    server = await in_phase(work)
    large = await alter(work, server, Alteration(plan="large"))
    await tell(work, large, READY)

    with pytest.raises(DiskCannotShrink) as refused:
        await alter(work, server, Alteration(plan="medium"))

    assert "(large)" in (refused.value.remedy or "")
    assert [fault.pointer for fault in refused.value.faults] == ["/plan"]
    with pytest.raises(UnknownPlan):
        await alter(work, server, Alteration(plan="huge"))


@pytest.mark.parametrize(
    "wanted",
    [
        Alteration(),
        Alteration(name="mine"),
        Alteration(plan="recommended"),
        Alteration(settings={}),
    ],
)
async def test_what_makes_no_difference_is_refused(wanted: Alteration) -> None:
    work = FakeWork()
    server = await in_phase(work)

    with pytest.raises(NothingToChange) as refused:
        await alter(work, server, wanted)

    assert refused.value.remedy


async def end(work: FakeWork, operation: Operation, how: str) -> None:
    """Have a change end without its success."""
    match how:
        case "failed":
            await tell(work, operation, vm_failed("running"))
        case "called off":
            await request_cancel(operation.id, owner_id="usr_1", work=work, at=MOMENT)
            await tell(work, operation, vm_observed("running"))
        case _:
            kill = await ask(work, work.servers.rows[operation.server_id], Kind.KILL)
            await tell(work, kill, VM_STOPPED)


@pytest.mark.parametrize("how", ["failed", "called off", "killed"])
async def test_after_half_a_change_the_former_shape_is_something_to_change_to(how: str) -> None:
    work = FakeWork()
    server = await in_phase(work)
    await end(work, await alter(work, server, LARGER), how)

    back = await alter(work, server, Alteration(plan=server.spec.plan.name))
    assert (back.kind, back.spec) == (Kind.RESIZE, server.spec)
    await end(work, back, how)
    name = await alter(work, server, Alteration(name=server.spec.name))
    assert (name.kind, name.spec) == (Kind.RECONFIGURE, server.spec)

    await tell(work, name, VM_STOPPED)
    with pytest.raises(NothingToChange):
        await alter(work, server, Alteration(name=server.spec.name))


async def test_after_half_a_change_saying_nothing_is_still_nothing_to_change() -> None:
    work = FakeWork()
    server = await in_phase(work)
    await end(work, await alter(work, server, LARGER), "failed")

    with pytest.raises(NothingToChange):
        await alter(work, server, Alteration())


ROOTED = replace(
    BLOCKS,
    settings_schema={
        **BLOCKS.settings_schema,
        "properties": {
            **BLOCKS.settings_schema["properties"],
            "seed": {"type": "string", "default": "", "x-restart": "recreate-world"},
        },
    },
)


class Rooted(FakeCatalogue):
    """A catalogue of a game with a setting that only a new world takes."""

    def find(self, id: str) -> Game | None:
        return ROOTED if id == ROOTED.id else None


async def test_a_setting_that_only_a_new_world_takes_is_refused_and_named() -> None:
    work = FakeWork()
    server = await with_settings(work, seed="old")

    with pytest.raises(NeedsNewWorld) as refused:
        await alter(work, server, Alteration(settings={"seed": "new"}), catalogue=Rooted())

    assert [fault.pointer for fault in refused.value.faults] == ["/settings/seed"]
    assert "new server" in (refused.value.remedy or "")
    with pytest.raises(NeedsNewWorld):
        await alter(work, server, Alteration(settings={"seed": None}), catalogue=Rooted())


@pytest.mark.parametrize("known", [{}, {"seed": ""}])
async def test_a_world_s_own_settings_said_again_are_no_change_of_them(
    known: dict[str, object],
) -> None:
    """Nor is a setting that the game has got since, with the value it has by default."""
    work = FakeWork()
    server = await with_settings(work, **known)
    same = Alteration(settings={"seed": "", "motd": "New"})

    operation = await alter(work, server, same, catalogue=Rooted())

    assert operation.kind is Kind.RECONFIGURE


async def test_a_game_that_has_left_the_catalogue_is_named() -> None:
    class Empty(FakeCatalogue):
        def find(self, id: str) -> Game | None:
            return None if id == BLOCKS.id else BLOCKS

    work = FakeWork()

    with pytest.raises(GameNotFound):
        await alter(work, await in_phase(work), LARGER, catalogue=Empty())
