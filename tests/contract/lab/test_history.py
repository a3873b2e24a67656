"""The lab's history: who did what to which machine, also across restarts."""

from typing import Any

from tests.contract.lab.conftest import Opened, Site
from tests.contract.lab.test_fault_kinds import Client, http_to
from tests.lab_invariants import doubles, living, mark_of, strangers, touched

TOKEN = "spawnyard@pve!yard"


async def history(site: Site, **wanted: int) -> list[dict[str, Any]]:
    async with http_to(site) as http:
        answer = await http.get("/lab/history", params=wanted)
        assert answer.status_code == 200, answer.text
        return answer.json()


async def test_a_machines_life_is_told_with_names_and_tasks(site: Site) -> None:
    async with http_to(site) as http:
        client = Client(site, http)
        await client.started()
        stopped = await client.ask("POST", "/api2/json/nodes/pve/qemu/900000/status/stop")
        await site.finished(stopped.json()["data"])
        gone = await client.ask("DELETE", "/api2/json/nodes/pve/qemu/900000")
        await site.finished(gone.json()["data"])

    told = await history(site, vmid=900000)

    deeds = [entry["what"] for entry in told if not entry["what"].startswith("task")]
    assert deeds[0] == "created"
    assert deeds[-3:] == ["started", "stopped", "destroyed"]
    assert {entry["by"] for entry in told} == {TOKEN}
    assert all(entry["upid"].startswith("UPID:pve:") for entry in told)
    assert [e["detail"]["type"] for e in told if e["what"] == "task ended"] == [
        "qmclone", "qmstart", "qmstop", "qmdestroy",
    ]  # fmt: skip
    assert living(told) == set()
    assert touched(told, {900000}, by=TOKEN) == [
        entry for entry in told if entry["detail"].get("type") != "qmclone"
    ]


async def test_strangers_are_in_it_and_it_survives_a_restart(open_lab: Opened) -> None:
    async with open_lab() as site, http_to(site) as http:
        client = Client(site, http)
        await client.fault("stranger")
        await client.clone(900000)
        await client.cloned(900001)
        before = await history(site)
    async with open_lab() as again:
        after = await history(again)
        later = await history(again, after=after[-1]["number"])

    assert after == before
    assert later == []
    assert strangers(after) == {900000}
    assert living(after) == {900000, 900001}
    assert touched(after, strangers(after), by=TOKEN) == []


async def test_two_machines_with_one_mark_are_found(site: Site) -> None:
    async with http_to(site) as http:
        client = Client(site, http)
        for vmid in (900000, 900001):
            order = {"newid": vmid, "pool": "spawnyard", "description": "spawnyard:i:srv:op_1"}
            answer = await client.ask("POST", "/api2/json/nodes/pve/qemu/9000/clone", data=order)
            await site.finished(answer.json()["data"])

    assert doubles(await history(site)) == [("spawnyard:i:srv", 900000, 900001)]
    assert mark_of("ports: udp/1") is None


async def test_a_wrong_question_is_refused_with_its_parameter(site: Site) -> None:
    async with http_to(site) as http:
        answer = await http.get("/lab/history", params={"vmid": "x", "since": "1"})

    assert answer.status_code == 422
    assert set(answer.json()["fields"]) == {"vmid", "since"}
