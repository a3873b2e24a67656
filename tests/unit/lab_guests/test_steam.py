"""The modelled steamcmd, and what the guest needs for the real one."""

import pytest

from proxmox_lab.guests.simulated.model.apps import apps
from proxmox_lab.guests.simulated.model.files import Kind, Node
from tests.unit.lab_guests.conftest import Bench

HOME = "/srv/game"
STEAMCMD = f"sudo -H -u game -- {HOME}/steamcmd/steamcmd.sh"


@pytest.fixture
async def steam(bench: Bench) -> Bench:
    await bench.module("user", name="game", home=HOME, system=True)
    await bench.sh(f"mkdir -p {HOME}/steamcmd; chown -R game:game {HOME}")
    files, node = bench.machine.files, Node(kind=Kind.FILE, mode=0o755, owner="game")
    files.write(f"{HOME}/steamcmd/steamcmd.sh", b"a stand-in", template=node)
    return bench


def update(number: str, folder: str = f"{HOME}/server") -> str:
    words = f"+force_install_dir {folder} +login anonymous +app_update {number} validate +quit"
    return f"{STEAMCMD} {words}"


async def test_an_app_is_laid_down_as_the_user_s_own_and_says_its_build(steam: Bench) -> None:
    outcome = await steam.sh(update("896660"))

    files = steam.machine.files
    assert b"Success! App '896660' fully installed." in outcome.out
    binary = files.get(f"{HOME}/server/valheim_server.x86_64")
    assert (binary.owner, binary.mode) == ("game", 0o755)
    manifest = files.text(f"{HOME}/server/steamapps/appmanifest_896660.acf")
    assert f'"buildid"\t\t"{apps()["896660"].build}"' in manifest


async def test_a_second_update_finds_nothing_to_do(steam: Bench) -> None:
    await steam.sh(update("896660"))

    assert b"already up to date" in (await steam.sh(update("896660"))).out


async def test_the_error_that_comes_now_and_then_goes_when_asked_again(steam: Bench) -> None:
    first, second = [await steam.sh(update("380870")) for _ in range(2)]

    assert (first.code, second.code) == (8, 0)
    assert b"ERROR! Failed to install app '380870' (Missing configuration)" in first.out


@pytest.mark.parametrize(
    "command",
    [update("1"), update("896660").replace("anonymous", "somebody"), update("896660", "/root/x")],
)
async def test_what_steam_would_refuse_is_refused(steam: Bench, command: str) -> None:
    assert (await steam.sh(command)).code


async def test_dpkg_takes_another_architecture_once(bench: Bench) -> None:
    before = await bench.sh("dpkg --print-foreign-architectures")
    added = [await bench.sh("dpkg --add-architecture i386") for _ in range(2)]
    refused = await bench.sh("dpkg --add-architecture armhf", user="yard")
    after = await bench.sh("dpkg --print-foreign-architectures")

    assert (before.out, after.out, refused.code) == (b"", b"i386\n", 2)
    assert [outcome.code for outcome in added] == [0, 0]
