"""What a server is made of is found out once, kept, told, and taken again for the next VM."""

from dataclasses import replace

import pytest

from common.contracts import events as evt
from provisioner import patience, resolving, work
from provisioner.domain.lock import fits, installed, noted, told, wish
from provisioner.domain.run import Run, Stage
from provisioner.handlers import on_event
from provisioner.work import work_on
from tests.fakes.provisioner import (
    GAME,
    SERVER,
    SPEC,
    FakeProvisioner,
    a_lock,
    removal,
    vm_ready,
)

SOURCE = {"resolver": "http", "setting": "version"}
VERSIONED = replace(GAME, source=SOURCE)


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(patience, "PAUSE", 0.001)
    monkeypatch.setattr(work, "WATCH", 0.01)
    monkeypatch.setattr(resolving, "PATIENCE", 0.2)


@pytest.fixture
def world() -> FakeProvisioner:
    world = FakeProvisioner()
    world.games.game = VERSIONED
    return world


async def bring_up(world: FakeProvisioner, version: str = "latest", **changes: object) -> Run:
    settings = {**SPEC.settings, "version": version}
    spec = SPEC.model_copy(update={"settings": settings, "lock": changes.pop("lock", None)})
    await on_event(vm_ready(spec=spec, **changes), work=world)
    await work_on(SERVER, work=world, tools=world.tools)
    return world.run


async def test_the_lock_is_made_kept_told_and_what_the_playbook_gets(world: FakeProvisioner):
    run = await bring_up(world)

    [ready] = world.said(evt.ServerReady)
    assert run.lock is not None
    assert ready.lock == run.lock
    assert run.lock.version == "2.0"
    [play] = world.playbooks.plays
    assert play.variables["lock"]["version"] == {"__ansible_unsafe": "2.0"}  # type: ignore[index]
    assert any("resolved: pong 2.0; pong.zip" in text for text in world.texts())


async def test_a_redeploy_takes_the_lock_that_the_server_had(world: FakeProvisioner):
    had = a_lock("1.7")

    run = await bring_up(world, lock=had)

    assert run.lock == had
    assert world.resolvers.asked == []


async def test_another_version_than_the_locked_one_is_asked_for(world: FakeProvisioner):
    run = await bring_up(world, version="1.9", lock=a_lock("1.7"))

    assert run.lock is not None
    assert run.lock.version == "1.9"


async def test_a_changed_setting_brings_no_newer_version(world: FakeProvisioner):
    first = await bring_up(world)
    world.resolvers.newest = "3.0"

    again = await bring_up(world, operation_id="op_6", kind="reconfigure")

    assert again.lock == first.lock
    assert len(world.playbooks.plays) == 2


async def test_set_to_latest_a_server_gets_the_newest_and_not_the_version_it_had(
    world: FakeProvisioner,
):
    await bring_up(world, version="1.7")

    run = await bring_up(world, operation_id="op_6", kind="reconfigure")

    assert run.lock is not None
    assert run.lock.version == "2.0"


async def test_set_to_latest_a_server_that_could_not_be_installed_gets_the_newest(
    world: FakeProvisioner,
):
    world.playbooks.fails = "nothing runs this version"
    await bring_up(world, version="1.7")
    world.playbooks.fails = ""

    run = await bring_up(world, operation_id="op_6", kind="reconfigure")

    assert run.lock is not None
    assert run.lock.version == "2.0"


async def test_set_to_latest_where_nobody_answered_it_is_the_newest_at_the_next_try(
    world: FakeProvisioner,
):
    await bring_up(world, version="1.7")
    world.resolvers.silent = 1_000_000
    await bring_up(world, operation_id="op_6", kind="reconfigure")
    world.resolvers.silent = 0

    run = await bring_up(world, operation_id="op_7", kind="restart")

    assert run.lock is not None
    assert run.lock.version == "2.0"


async def test_a_version_that_is_named_is_not_asked_for_again_after_a_failure(
    world: FakeProvisioner,
):
    world.playbooks.fails = "the disk is full"
    await bring_up(world, version="1.7")
    world.playbooks.fails = ""

    run = await bring_up(world, version="1.7", operation_id="op_6", kind="reconfigure")

    assert (run.stage, len(world.resolvers.asked)) == (Stage.DONE, 1)


async def test_deployed_anew_without_a_lock_it_is_the_newest(world: FakeProvisioner):
    await bring_up(world)
    world.resolvers.newest = "3.0"

    again = await bring_up(world, operation_id="op_6")

    assert again.lock is not None
    assert again.lock.version == "3.0"


async def test_a_mere_start_asks_nobody_and_plays_nothing_whether_its_lock_is_told_or_not(
    world: FakeProvisioner,
):
    first = await bring_up(world)

    await bring_up(world, operation_id="op_6", kind="start", lock=first.lock)
    run = await bring_up(world, operation_id="op_7", kind="restart")

    assert (len(world.resolvers.asked), len(world.playbooks.plays)) == (1, 1)
    assert world.said(evt.ServerReady)[-1].lock == run.lock == first.lock


async def test_a_start_with_another_lock_than_the_guest_is_made_of_plays_it(
    world: FakeProvisioner,
):
    await bring_up(world)

    run = await bring_up(world, operation_id="op_6", kind="start", lock=a_lock("1.0"))

    assert run.lock == a_lock("1.0", resolved_at=run.lock.resolved_at)  # type: ignore[union-attr]
    assert len(world.playbooks.plays) == 2


async def test_a_vendor_that_is_away_is_waited_for(world: FakeProvisioner):
    world.resolvers.silent = 3

    assert (await bring_up(world)).stage is Stage.DONE


async def test_a_vendor_that_stays_away_fails_the_run_with_a_remedy(world: FakeProvisioner):
    world.resolvers.silent = 1_000_000

    await bring_up(world)

    [failed] = world.said(evt.ServerFailed)
    assert failed.step == "resolve"
    assert "the vendor is away" in failed.reason
    assert "SPAWNYARD_DOWNLOAD_BASE" in failed.remedy


async def test_a_vendor_that_stays_away_is_asked_less_and_less_often(world: FakeProvisioner):
    world.resolvers.silent = 1_000_000

    await bring_up(world)

    assert 3 <= len(world.resolvers.asked) <= 9  # 1 ms, 2 ms, 4 ms … of 200 ms


async def test_versions_of_packages_are_told_by_the_guest_once_they_are_there(
    world: FakeProvisioner,
):
    world.games.game = replace(GAME, source={"resolver": "apt", "packages": ["pong", "pong-data"]})
    world.guests.installed = {"pong": "5.10-4", "pong-data": "5.10-1", "other": "1"}

    run = await bring_up(world)

    assert run.lock is not None
    assert run.lock.packages == {"pong": "5.10-4", "pong-data": "5.10-1"}


async def test_the_build_of_a_steam_app_is_told_by_the_guest(world: FakeProvisioner):
    source = {"resolver": "steam", "app": 380870}
    world.games.game = replace(GAME, source=source, directory="/srv/pong")
    world.guests.steam = {380870: "123456"}

    run = await bring_up(world)

    assert run.lock is not None
    assert run.lock.build == "123456"


async def test_nothing_is_known_of_a_server_that_is_gone(world: FakeProvisioner):
    await bring_up(world)

    await on_event(removal(operation_id="op_6"), work=world)

    assert world.run.lock is None


@pytest.mark.parametrize(
    ("changes", "wanted", "is_fit"),
    [
        ({}, "latest", True),
        ({}, "2.0", True),
        ({}, "2.1", False),
        ({"variant": "paper"}, "2.0", False),
        ({"game": "chess"}, "2.0", False),
    ],
)
def test_a_lock_fits_the_same_game_variant_and_version(
    changes: dict[str, str], wanted: str, is_fit: bool
):
    assert fits(a_lock("2.0", **changes), wish(VERSIONED, {"version": wanted})) is is_fit


def test_a_game_without_versions_keeps_its_lock():
    assert fits(a_lock("5.10"), wish(GAME, {"version": "other"}))


def test_a_lock_is_told_in_one_line_and_to_playbooks_without_what_changes_by_itself():
    lock = a_lock(runtime={"java": "21"}, variant="paper")

    assert told(lock) == "pong paper 2.0; pong.zip (sha256:000000000000); java 21"
    assert not installed(lock).keys() & {"resolved_at", "definition", "note"}


def test_what_the_guest_tells_becomes_part_of_the_lock():
    lock = noted(a_lock(version=""), packages={"pong": "5.10-4"}, build=None)

    assert (lock.version, lock.packages) == ("5.10-4", {"pong": "5.10-4"})
    assert noted(a_lock(), packages={}, build="7").build == "7"
