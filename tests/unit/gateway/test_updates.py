"""Updates of a game: to another version or, if that fails, back to what the server was."""

from dataclasses import replace
from datetime import timedelta
from typing import Any, Final

import pytest

from common.contracts import events as evt
from common.contracts.servers import Lock
from gateway.domain.errors import (
    GameNotFound,
    NothingToChange,
    NotTogether,
    NoVersions,
    PhaseForbids,
    SettingsRefused,
)
from gateway.domain.game import Game, Source
from gateway.domain.kind import Kind
from gateway.domain.operation import Operation
from gateway.domain.phase import Phase
from gateway.domain.server import Server
from gateway.domain.shape import Alteration
from gateway.domain.transitions import State
from gateway.domain.version import updated
from gateway.handlers.acceptance import Asked
from gateway.handlers.deployments import Wish, request_deployment
from gateway.handlers.operations import request_cancel
from gateway.handlers.reconciler import reconcile
from gateway.handlers.servers import request, request_update
from tests.fakes.gateway import BLOCKS, MOMENT, FakeCatalogue, FakeSeals, FakeWork
from tests.unit.gateway.facts import (
    NOT_BACK,
    NOT_UP_AGAIN,
    READY,
    RESTORED,
    SERVER_FAILED,
    VM_READY,
    VM_STOPPED,
    vm_failed,
)
from tests.unit.gateway.test_changes import alter, in_phase, now_of, tell

OLD: Final = Lock(game="blocks", version="1.20.4", definition="1.0.0", resolved_at=MOMENT)
NEW: Final = OLD.model_copy(update={"version": "1.21.8"})
UPDATED: Final = READY.model_copy(update={"lock": NEW})
VERSIONS: Final[Any] = {"enum": ["latest", "1.21.8", "1.20.4"], "default": "latest"}
VERSIONED: Final = replace(
    BLOCKS,
    settings_schema={
        **BLOCKS.settings_schema,
        "properties": {**BLOCKS.settings_schema["properties"], "version": VERSIONS},
    },
    source=Source(setting="version"),
)


class Catalogue(FakeCatalogue):
    """A catalogue in which one can choose the version of the game."""

    def find(self, id: str) -> Game | None:
        return VERSIONED if id == VERSIONED.id else None


async def locked(work: FakeWork, *, version: str = "1.20.4") -> Server:
    """Return a server that runs, and knows what it was made of."""
    server = await in_phase(work)
    settings = {"motd": "Hello", "version": version}
    spec = server.spec.model_copy(update={"settings": settings, "lock": OLD})
    work.servers.rows[server.id] = replace(server, spec=spec)
    return work.servers.rows[server.id]


async def ask(work: FakeWork, server: Server, version: str | None = "1.21.8") -> Operation:
    return await request_update(
        Asked(server_id=server.id, owner_id="usr_1"),
        version,
        catalogue=Catalogue(),
        work=work,
        at=MOMENT,
    )


async def updating(work: FakeWork) -> Operation:
    operation = await ask(work, await locked(work))
    await tell(work, operation, VM_READY.model_copy(update={"kind": "update"}))
    return operation


async def going_back(work: FakeWork, *, why: str) -> Operation:
    """Return an update that is on its way back, because it failed or was called off."""
    operation = await updating(work)
    if why == "failed":
        await tell(work, operation, SERVER_FAILED)
    else:
        await request_cancel(operation.id, owner_id="usr_1", work=work, at=MOMENT)
    return operation


def released(work: FakeWork) -> int:
    return len(work.outbox.of(evt.SnapshotReleased))


async def test_the_version_is_asked_for_with_a_lock_to_be_made_and_the_new_lock_kept() -> None:
    work = FakeWork()
    server = await locked(work)

    operation = await ask(work, server)
    (asked,) = work.outbox.of(evt.ChangeRequested)
    await tell(work, operation, UPDATED)

    assert isinstance(asked, evt.ChangeRequested)
    assert (asked.kind, asked.spec.lock) == ("update", None)
    assert asked.spec.settings == {
        "motd": "Hello", "mode": "easy", "password": "", "version": "1.21.8",
    }  # fmt: skip
    after = work.servers.rows[server.id]
    assert now_of(work, operation) == (State.SUCCEEDED, Phase.RUNNING)
    assert after.spec.lock == NEW
    assert after.spec.settings["version"] == "1.21.8"
    assert released(work) == 1


async def test_what_a_server_was_made_of_is_given_back_with_whatever_is_asked_of_it() -> None:
    work = FakeWork()
    operation = await updating(work)
    await tell(work, operation, UPDATED)

    asked = Asked(server_id=operation.server_id, owner_id="usr_1")
    restart = await request(asked, Kind.RESTART, work=work, at=MOMENT)

    assert restart.spec.lock == NEW


@pytest.mark.parametrize("fact", ["failed", "late"])
async def test_an_update_that_fails_is_taken_back_and_the_server_runs_as_before(fact: str) -> None:
    work = FakeWork()
    operation = await updating(work)
    before = work.servers.rows[operation.server_id]

    if fact == "failed":
        await tell(work, operation, SERVER_FAILED)
    else:
        await reconcile(work=work, at=operation.deadline)
    (asked,) = work.outbox.of(evt.RollbackRequested)
    assert now_of(work, operation) == (State.FAILING, Phase.CHANGING)
    await tell(work, operation, SERVER_FAILED)  # said once more: not about the way back
    await tell(work, operation, UPDATED)  # crossed the decision
    assert now_of(work, operation) == (State.FAILING, Phase.CHANGING)
    await tell(work, operation, RESTORED)

    assert isinstance(asked, evt.RollbackRequested)
    assert (asked.operation_id, asked.spec) == (operation.id, before.spec)
    assert asked.deadline == work.operations.rows[operation.id].ends_by
    after, failed = work.servers.rows[before.id], work.operations.rows[operation.id]
    assert now_of(work, operation) == (State.FAILED, Phase.RUNNING)
    assert (after.spec, after.failure, after.half_shaped) == (before.spec, None, False)
    assert failed.failure is not None
    assert failed.failure.detail.endswith(". Rolled back: the server runs as it did before.")
    assert failed.failure.remedy.startswith("Nothing has to be done.")
    assert "The update failed. Rolled back: mine runs as before." in work.outbox.texts()
    assert released(work) == 1


async def test_what_went_wrong_inside_keeps_its_own_remedy_after_the_way_back() -> None:
    work = FakeWork()
    operation = await updating(work)

    await tell(work, operation, SERVER_FAILED.model_copy(update={"remedy": "Free the disk."}))
    await tell(work, operation, RESTORED)

    failure = work.operations.rows[operation.id].failure
    assert failure is not None
    assert failure.remedy.endswith("Free the disk.")


async def test_an_update_that_is_called_off_is_taken_back() -> None:
    work = FakeWork()
    operation = await updating(work)
    before = work.servers.rows[operation.server_id].spec

    for _ in range(2):
        await request_cancel(operation.id, owner_id="usr_1", work=work, at=MOMENT)
    assert len(work.outbox.of(evt.RollbackRequested)) == 1
    assert not work.outbox.of(evt.CancelRequested)
    await tell(work, operation, RESTORED)

    assert now_of(work, operation) == (State.CANCELLED, Phase.RUNNING)
    assert work.servers.rows[operation.server_id].spec == before
    assert released(work) == 1


@pytest.mark.parametrize(
    ("power", "phase"),
    [("running", Phase.RUNNING), ("stopped", Phase.STOPPED), ("unknown", Phase.FAILED)],
)
async def test_without_a_snapshot_nothing_is_done_and_nothing_has_to_be_taken_back(
    power: str, phase: Phase
) -> None:
    work = FakeWork()
    operation = await ask(work, await locked(work))

    await tell(work, operation, vm_failed(power))

    after = work.servers.rows[operation.server_id]
    assert now_of(work, operation) == (State.FAILED, phase)
    assert not work.outbox.of(evt.RollbackRequested)
    assert (after.spec.lock, after.half_shaped) == (OLD, False)
    assert released(work) == 1  # if there is one after all


@pytest.mark.parametrize("why", ["failed", "cancelled"])
@pytest.mark.parametrize("fact", [NOT_BACK, NOT_UP_AGAIN, None])
async def test_a_way_back_that_fails_leaves_a_failed_server_and_its_snapshot(
    why: str, fact: evt.AnyEvent | None
) -> None:
    work = FakeWork()
    operation = await going_back(work, why=why)

    if fact is None:
        await reconcile(work=work, at=work.operations.rows[operation.id].ends_by)
    else:
        await tell(work, operation, fact)

    server = work.servers.rows[operation.server_id]
    assert now_of(work, operation) == (State.FAILED, Phase.FAILED)
    assert server.failure is not None
    assert server.failure.code == "rollback_failed"
    assert "snapshot is kept" in server.failure.remedy
    assert server.half_shaped
    assert released(work) == 0


@pytest.mark.parametrize("why", ["failed", "cancelled"])
async def test_a_quiet_way_back_is_asked_for_again(why: str) -> None:
    work = FakeWork()
    await going_back(work, why=why)

    await reconcile(work=work, at=MOMENT + timedelta(seconds=31))

    first, again = work.outbox.of(evt.RollbackRequested)
    assert first.id != again.id
    assert first.model_dump(exclude={"id", "time"}) == again.model_dump(exclude={"id", "time"})


@pytest.mark.parametrize("why", ["failed", "cancelled"])
@pytest.mark.parametrize("first", [Kind.KILL, Kind.DELETE])
async def test_a_kill_and_a_deletion_do_not_wait_for_a_way_back(why: str, first: Kind) -> None:
    work = FakeWork()
    overtaken = await going_back(work, why=why)

    asked = Asked(server_id=overtaken.server_id, owner_id="usr_1")
    operation = await request(asked, first, work=work, at=MOMENT)
    await tell(work, overtaken, RESTORED)  # comes too late

    phase = Phase.STOPPING if first is Kind.KILL else Phase.DELETING
    ended = State.FAILED if why == "failed" else State.CANCELLED
    assert now_of(work, overtaken) == (ended, phase)
    assert now_of(work, operation) == (State.QUEUED, phase)
    assert work.servers.rows[overtaken.server_id].half_shaped
    assert len(work.outbox.of(evt.CancelRequested)) == 1


@pytest.mark.parametrize("ended", ["well", "badly", "off"])
@pytest.mark.parametrize("kind", [Kind.RESTART, Kind.RECONFIGURE])
async def test_what_updates_have_left_is_let_go_once_the_game_has_answered(
    kind: Kind, ended: str
) -> None:
    work = FakeWork()
    server = await locked(work)
    if kind is Kind.RESTART:
        asked = Asked(server_id=server.id, owner_id="usr_1")
        operation = await request(asked, kind, work=work, at=MOMENT)
    else:
        operation = await patch(work, server, settings={"mode": "hard"})
    facts = {"well": READY, "badly": SERVER_FAILED, "off": VM_STOPPED}

    await tell(work, operation, VM_READY.model_copy(update={"kind": operation.kind}))
    assert released(work) == 0
    await tell(work, operation, facts[ended])

    assert released(work) == (ended == "well")


# What may be asked for ----------------------------------------------------------------------


async def test_a_version_is_refused_of_a_game_that_has_none_to_choose() -> None:
    server = await locked(FakeWork())

    with pytest.raises(NoVersions) as refused:
        updated(server, "1.21.8", game=BLOCKS)

    assert [fault.pointer for fault in refused.value.faults] == ["/version"]
    plain = replace(server, spec=server.spec.model_copy(update={"settings": {"motd": "Hi"}}))
    assert updated(plain, None, game=BLOCKS).lock is None


async def test_a_version_the_game_does_not_have_is_refused_where_it_was_said() -> None:
    server = await locked(FakeWork())

    with pytest.raises(SettingsRefused) as refused:
        updated(server, "0.1", game=VERSIONED)

    assert [fault.pointer for fault in refused.value.faults] == ["/version"]


@pytest.mark.parametrize("version", ["1.20.4", None])
async def test_the_version_it_has_is_nothing_to_change(version: str | None) -> None:
    server = await locked(FakeWork())

    with pytest.raises(NothingToChange):
        updated(server, version, game=VERSIONED)

    assert updated(replace(server, half_shaped=True), version, game=VERSIONED).lock is None


async def test_the_setting_that_names_the_version_is_the_one_the_manifest_says() -> None:
    versions = {"properties": {**BLOCKS.settings_schema["properties"], "release": VERSIONS}}
    game = replace(
        BLOCKS,
        settings_schema={**BLOCKS.settings_schema, **versions},
        variant_setting="mode",
        variants={"hard": Source(setting="release")},
    )
    server = await locked(FakeWork())
    spec = server.spec.model_copy(update={"settings": {"motd": "Hi", "mode": "hard"}})
    hard = replace(server, spec=spec)

    assert updated(hard, "1.21.8", game=game).settings["release"] == "1.21.8"
    with pytest.raises(SettingsRefused) as refused:
        updated(hard, "0.1", game=game)
    assert [fault.pointer for fault in refused.value.faults] == ["/version"]
    with pytest.raises(NothingToChange):
        updated(hard, "1.20.4", game=game)
    by_default = replace(game, variants={"easy": Source(setting="release")})
    assert by_default.source_of({}) == Source(setting="release")
    spec = spec.model_copy(update={"settings": {"motd": "Hi", "mode": "easy"}})
    with pytest.raises(NoVersions):
        updated(replace(server, spec=spec), "1.21.8", game=game)


async def test_a_branch_that_is_had_already_may_have_got_a_newer_build() -> None:
    game = replace(VERSIONED, source=Source(setting="version", moves=True))
    server = await locked(FakeWork())

    assert updated(server, "1.20.4", game=game).lock is None


@pytest.mark.parametrize("version", ["latest", None])
async def test_the_newest_may_always_be_asked_for(version: str | None) -> None:
    server = await locked(FakeWork(), version="latest")

    after = updated(server, version, game=VERSIONED)

    assert (after.settings["version"], after.lock) == ("latest", None)


# By changing the setting that the version is chosen by ----------------------------------------


async def patch(work: FakeWork, server: Server, **wanted: Any) -> Operation:
    return await alter(work, server, Alteration(**wanted), catalogue=Catalogue())


async def test_a_setting_that_chooses_the_version_is_changed_by_an_update() -> None:
    work = FakeWork()
    server = await locked(work)

    operation = await patch(work, server, settings={"version": "1.21.8", "mode": "hard"})

    (asked,) = work.outbox.of(evt.ChangeRequested)
    assert isinstance(asked, evt.ChangeRequested)
    assert (operation.kind, asked.kind, asked.spec.lock) == (Kind.UPDATE, "update", None)
    assert asked.spec.settings["mode"] == "hard"
    await tell(work, operation, VM_READY.model_copy(update={"kind": "update"}))
    await tell(work, operation, SERVER_FAILED)
    await tell(work, operation, VM_READY.model_copy(update={"kind": "rollback"}))
    await tell(work, operation, RESTORED)
    assert work.servers.rows[server.id].spec == server.spec


async def test_a_server_that_a_version_keeps_from_coming_up_is_given_another_one() -> None:
    work = FakeWork()
    server = replace(await locked(work), phase=Phase.FAILED)
    work.servers.rows[server.id] = server

    operation = await patch(work, server, settings={"version": "1.21.8"})
    (asked,) = work.outbox.of(evt.ChangeRequested)
    await tell(work, operation, UPDATED)

    assert isinstance(asked, evt.ChangeRequested)
    assert (operation.kind, asked.kind, asked.spec.lock) == (Kind.RECONFIGURE, "reconfigure", None)
    assert now_of(work, operation) == (State.SUCCEEDED, Phase.RUNNING)
    after = work.servers.rows[server.id].spec
    assert (after.settings["version"], after.lock) == ("1.21.8", NEW)


async def test_a_game_that_takes_long_to_install_is_given_the_time() -> None:
    huge = replace(VERSIONED, install_time=timedelta(hours=4))
    more = timedelta(hours=4) - timedelta(minutes=45)

    class Huge(FakeCatalogue):
        def find(self, id: str) -> Game | None:
            return huge

    def given(operation: Operation) -> timedelta:
        return operation.deadline - operation.created_at

    wish = Wish(game="blocks", settings={})
    deployment = await request_deployment(
        wish, owner_id="usr_1", catalogue=Huge(), seals=FakeSeals(), work=FakeWork(), at=MOMENT
    )
    assert given(deployment) == timedelta(hours=4)
    for name, value, usual in (("mode", "hard", 45), ("version", "1.21.8", 60)):
        work = FakeWork()
        server = await locked(work)
        wanted = Alteration(settings={name: value})
        operation = await alter(work, server, wanted, catalogue=Huge())
        assert given(operation) == timedelta(minutes=usual) + more
    work = FakeWork()
    stop = await request(
        Asked(server_id=(await locked(work)).id, owner_id="usr_1"), Kind.STOP, work=work, at=MOMENT
    )
    assert given(stop) == timedelta(minutes=10)


async def test_the_variant_is_changed_by_an_update_too() -> None:
    work = FakeWork()
    server = await locked(work)
    game = replace(VERSIONED, variant_setting="mode", variants={"hard": Source(setting="version")})

    class Variants(FakeCatalogue):
        def find(self, id: str) -> Game | None:
            return game

    wanted = Alteration(settings={"mode": "hard"})
    assert (await alter(work, server, wanted, catalogue=Variants())).kind is Kind.UPDATE


async def test_with_the_version_as_it_is_a_change_of_settings_is_no_update() -> None:
    work = FakeWork()
    server = await locked(work)

    operation = await patch(work, server, settings={"version": "1.20.4", "mode": "hard"})

    assert (operation.kind, operation.spec.lock) == (Kind.RECONFIGURE, OLD)


@pytest.mark.parametrize("more", [{"plan": "large"}, {"name": "other"}])
async def test_a_version_is_not_changed_together_with_the_vm(more: dict[str, str]) -> None:
    work = FakeWork()
    server = await locked(work)

    with pytest.raises(NotTogether) as refused:
        await patch(work, server, settings={"version": "1.21.8"}, **more)

    assert [fault.pointer for fault in refused.value.faults] == [f"/{name}" for name in more]
    assert refused.value.remedy


async def test_the_version_of_a_server_that_is_off_is_not_changed_behind_its_back() -> None:
    """It would be installed at the next start, without a snapshot to go back to."""
    work = FakeWork()
    server = replace(await locked(work), phase=Phase.STOPPED)
    work.servers.rows[server.id] = server

    with pytest.raises(PhaseForbids) as refused:
        await patch(work, server, settings={"version": "1.21.8"})

    assert refused.value.remedy == "Start it first."


async def test_a_game_that_left_the_catalogue_cannot_be_updated() -> None:
    work = FakeWork()
    server = await locked(work)
    spec = server.spec.model_copy(update={"game": "gone"})
    work.servers.rows[server.id] = replace(server, spec=spec)

    with pytest.raises(GameNotFound):
        await ask(work, server)
