"""Lists and logs of tasks: in pages, filtered, of one node or all, for those who may read them."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
from aiohttp import ClientSession

from proxmox_lab.call import Lab
from proxmox_lab.refusal import Refusal
from proxmox_lab.site.people import User
from proxmox_lab.tasks.task import Task
from tests.contract.lab.conftest import Opened
from tests.contract.lab.persons import House


@pytest.fixture
async def cluster(open_lab: Opened) -> AsyncIterator[House]:
    """Two nodes, one task that failed and four that did not on the first, one on the second."""
    async with open_lab(nodes=2) as opened, ClientSession() as client:
        for vmid in range(100, 104):
            await done(opened.lab, "qmstart", vmid, node="pve")
        await done(opened.lab, "qmstop", 100, node="pve", failure="VM is locked (backup)")
        await done(opened.lab, "qmstart", 200, node="pve2", owner="ann@pve!app")
        opened.lab.site.rules.users["ann@pve"] = User()
        yield House(opened.lab, f"https://127.0.0.1:{opened.plan.port}", client)


async def done(
    lab: Lab, kind: str, vmid: int, *, node: str, owner: str = "root@pam", failure: str = ""
) -> None:
    async def work(task: Task) -> None:
        for line in range(10):
            task.say(f"line {line}")
        if failure:
            raise Refusal(failure)

    task = lab.tasks.find(lab.tasks.start(kind, str(vmid), owner, work, node=node))
    assert task is not None
    assert task.work is not None
    await asyncio.wait([task.work])


async def found(house: House, path: str, **chosen: str) -> tuple[list[dict[str, Any]], int]:
    answer = await house.root.ask("GET", path, **chosen)
    return answer[2]["data"], answer[2].get("total", 0)


async def test_a_list_comes_in_pages_with_the_number_of_all(cluster: House) -> None:
    page, total = await found(cluster, "/nodes/pve/tasks", start="1", limit="2")

    assert ([task["id"] for task in page], total) == (["103", "102"], 5)


@pytest.mark.parametrize(
    ("chosen", "ids"),
    [
        ({"typefilter": "qmstop"}, ["100"]),
        ({"vmid": "102"}, ["102"]),
        ({"errors": "1"}, ["100"]),
        ({"statusfilter": "error"}, ["100"]),
        ({"statusfilter": "ok,warning"}, ["103", "102", "101", "100"]),
        ({"userfilter": "ROOT"}, ["100", "103", "102", "101", "100"]),
        ({"userfilter": "ann"}, []),
        ({"since": "4000000000"}, []),
        ({"until": "1"}, []),
        ({"source": "active"}, []),
    ],
)
async def test_a_list_is_filtered(cluster: House, chosen: dict[str, str], ids: list[str]) -> None:
    page, total = await found(cluster, "/nodes/pve/tasks", **chosen)

    assert ([task["id"] for task in page], total) == (ids, len(ids))


async def test_a_node_lists_its_own_tasks_and_the_cluster_all(cluster: House) -> None:
    there, _ = await found(cluster, "/nodes/pve2/tasks")
    everywhere, _ = await found(cluster, "/cluster/tasks")

    assert [task["id"] for task in there] == ["200"]
    assert {task["node"] for task in everywhere} == {"pve", "pve2"}


async def test_a_log_comes_in_pages_to_its_end(cluster: House) -> None:
    upid = (await found(cluster, "/nodes/pve/tasks"))[0][0]["upid"]
    page, total = await found(cluster, f"/nodes/pve/tasks/{upid}/log", start="9", limit="5")
    whole, _ = await found(cluster, f"/nodes/pve/tasks/{upid}/log", limit="0")

    assert [line["t"] for line in page] == ["line 9", "TASK ERROR: VM is locked (backup)"]
    assert (total, len(whole)) == (11, 11)


async def test_a_task_is_not_known_on_another_node(cluster: House) -> None:
    upid = (await found(cluster, "/nodes/pve2/tasks"))[0][0]["upid"]

    status = await cluster.root.ask("GET", f"/nodes/pve/tasks/{upid}/status")
    log, _ = await found(cluster, f"/nodes/pve/tasks/{upid}/log")

    assert status[2]["errors"] == {"upid": "no such task"}
    assert log == [{"n": 1, "t": "unable to open file - No such file or directory"}]


async def test_a_user_reads_the_tasks_of_their_tokens_and_no_others(cluster: House) -> None:
    ann = cluster.person("ann@pve")
    theirs = (await found(cluster, "/nodes/pve2/tasks"))[0][0]["upid"]
    others = (await found(cluster, "/nodes/pve/tasks"))[0][0]["upid"]

    listed = await ann.ask("GET", "/cluster/tasks")
    own = await ann.ask("GET", f"/nodes/pve2/tasks/{theirs}/status")
    foreign = await ann.ask("GET", f"/nodes/pve/tasks/{others}/status")
    stopped = await ann.ask("DELETE", f"/nodes/pve/tasks/{others}")

    assert [task["upid"] for task in listed[2]["data"]] == [theirs]
    assert own[0] == 200
    assert foreign[1] == "Permission check failed (/nodes/pve, Sys.Audit)"
    assert stopped[1] == "Permission check failed (/nodes/pve, Sys.Modify)"
