"""Orphans at the command line: looked at freely, removed only as many as were seen."""

import json
from collections.abc import Mapping
from pathlib import Path

import httpx
import pytest
from typer.testing import CliRunner

from tests.unit.cli.test_client import URL, FakeGateway, a_login, client
from yard_cli.client.api import Gateway
from yard_cli.client.credentials import Credentials
from yard_cli.client.models import Orphan, Orphans
from yard_cli.commands.orphans import look, remarks
from yard_cli.main import command_line

ORPHAN = {"vmid": 900_001, "node": "pve", "verdict": "to_delete", "reason": "its server is gone"}


class Sweeps:
    """A gateway that answers about orphans and notes what it was asked."""

    def __init__(self, folder: Path, *orphans: Mapping[str, object], more: int = 0) -> None:
        self.wishes: list[dict[str, object]] = []
        self.orphans, self.more = orphans, more
        world, credentials = FakeGateway(), Credentials(folder / "credentials.json")
        credentials.keep(URL, a_login())
        world.answers = {"/v1/orphans": self._answer, "/v1/orphans/sweep": self._answer}
        self.gateway: Gateway = client(world, credentials)

    def _answer(self, request: httpx.Request) -> httpx.Response:
        wish = json.loads(request.content) if request.content else {}
        if wish:
            self.wishes.append(wish)
        body = {"at": "2026-11-21T13:00:00+00:00", "dry_run": wish.get("dry_run", False)}
        return httpx.Response(200, json={**body, "orphans": self.orphans, "more": self.more})


async def test_without_sweep_the_last_report_is_read(tmp_path: Path):
    sweeps = Sweeps(tmp_path, ORPHAN)

    found = await look(sweeps.gateway, sweep=False, yes=False)

    assert (found.orphans[0].vmid, sweeps.wishes) == (900_001, [])


async def test_a_sweep_is_dry_without_yes(tmp_path: Path):
    sweeps = Sweeps(tmp_path, ORPHAN)

    found = await look(sweeps.gateway, sweep=True, yes=False)

    assert [wish["dry_run"] for wish in sweeps.wishes] == [True]
    assert found.deletable == 1


async def test_with_yes_no_more_are_removed_than_were_seen(tmp_path: Path):
    sweeps = Sweeps(tmp_path, ORPHAN, ORPHAN | {"vmid": 900_002}, ORPHAN | {"verdict": "waiting"})

    await look(sweeps.gateway, sweep=True, yes=True)

    assert sweeps.wishes == [{"dry_run": True, "cap": None}, {"dry_run": False, "cap": 2}]


async def test_a_flood_longer_than_the_list_can_be_removed_too(tmp_path: Path):
    blocked = ORPHAN | {"verdict": "cleanup_blocked"}
    sweeps = Sweeps(tmp_path, blocked, ORPHAN, more=300)

    await look(sweeps.gateway, sweep=True, yes=True)

    assert sweeps.wishes[-1] == {"dry_run": False, "cap": 301}


def test_yes_alone_is_a_mistake():
    done = CliRunner().invoke(command_line(), ["orphans", "--yes"])

    assert done.exit_code == 2
    assert "--sweep" in done.output


LOOKED = Orphans.model_validate({"at": "2026-11-21T13:00:00Z"})
FOUND = LOOKED.model_copy(update={"orphans": (Orphan(vmid=1, verdict="to_delete"),)})


@pytest.mark.parametrize(
    ("found", "asked", "words"),
    [
        (Orphans(), False, "has not looked"),
        (LOOKED, False, "no orphans, as of 2026-11-21 13:00:00 UTC"),
        (FOUND.model_copy(update={"halted": True}), False, "halted"),
        (FOUND.model_copy(update={"more": 3}), False, "3 more"),
        (
            FOUND.model_copy(update={"dry_run": True}),
            True,
            "1 would be removed: ./yard orphans --sweep --yes",
        ),
    ],
)
def test_what_a_table_does_not_say_is_said_below_it(found: Orphans, asked: bool, words: str):
    [remark] = remarks(found, asked=asked)

    assert words in remark
