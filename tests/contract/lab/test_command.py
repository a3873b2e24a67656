"""The lab's own command line, against a lab that runs."""

import asyncio
import json
import sys
from asyncio.subprocess import PIPE
from pathlib import Path

from tests.contract.lab.conftest import Site


async def yard_lab(*words: str) -> tuple[int | None, str, str]:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "proxmox_lab", *words, stdout=PIPE, stderr=PIPE
    )
    out, err = await process.communicate()
    return process.returncode, out.decode(), err.decode()


async def test_faults_are_added_listed_and_removed(site: Site) -> None:
    where = ("--data", str(site.plan.data))

    added = await yard_lab(
        "fault", "add", "lock-timeout", "--count", "3", "--machine", "900001", *where
    )
    listed = await yard_lab("fault", "list", "--json", *where)
    removed = await yard_lab("fault", "remove", "all", *where)
    empty = await yard_lab("fault", "list", *where)

    assert added[0] == 0, added
    assert added[1].startswith("fault-1  answer  struck 0 of 0  method=POST|PUT|DELETE ")
    assert " machine=900001 count=3 " in added[1]
    assert [(f["count"], f["machine"]) for f in json.loads(listed[1])] == [(3, 900001)]
    assert (removed[:2], empty[:2]) == ((0, ""), (0, ""))


async def test_a_mistake_is_told_with_its_field_and_ends_with_2(site: Site) -> None:
    code, _, err = await yard_lab(
        "fault", "add", "--action", "drop", "--status", "503", "--data", str(site.plan.data)
    )

    assert code == 2
    assert "status: means nothing to the action 'drop', which takes: after, count" in err


async def test_time_and_history_are_told(site: Site) -> None:
    where = ("--data", str(site.plan.data))

    faster = await yard_lab("clock", "100", *where)
    history = await yard_lab("history", "900000", "--json", *where)

    assert faster[1].startswith("speed 100, ")
    assert json.loads(history[1]) == []


async def test_without_a_lab_it_says_so_and_ends_with_3(tmp_path: Path) -> None:
    code, _, err = await yard_lab("fault", "list", "--data", str(tmp_path))

    assert code == 3
    assert f"there is no lab in {tmp_path}; is it running?" in err
