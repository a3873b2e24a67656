"""Each kind of trouble, as a client of the lab meets it."""

import asyncio
import json
import ssl
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from tests.contract.lab.conftest import Opened, Site

BASE = "/api2/json/nodes/pve"


class Client:
    """The panel and the API over one connection pool."""

    def __init__(self, site: Site, http: httpx.AsyncClient) -> None:
        token = json.loads((site.plan.data / "token.json").read_text())
        secret = f"PVEAPIToken={token['token_id']}={token['secret']}"
        self.site = site
        self.http = http
        self.headers = {"Authorization": secret}

    async def fault(self, preset: str, **more: object) -> str:
        answer = await self.http.post("/lab/faults", json={"preset": preset, **more})
        assert answer.status_code == 201, answer.text
        return str(answer.json()["id"])

    async def ask(self, verb: str, path: str, **given: Any) -> httpx.Response:
        return await self.http.request(verb, path, headers=self.headers, **given)

    async def until(self, path: str, status: int) -> httpx.Response:
        """Ask again and again until it is answered so."""
        async with asyncio.timeout(60):
            while (answer := await self.ask("GET", path)).status_code != status:
                await asyncio.sleep(0.1)
        return answer

    async def clone(self, vmid: int = 900000, **more: object) -> httpx.Response:
        order = {"newid": vmid, "name": "one", "pool": "spawnyard", "description": "mine", **more}
        return await self.ask("POST", f"{BASE}/qemu/9000/clone", data=order)

    async def cloned(self, vmid: int = 900000) -> dict[str, Any]:
        return await self.site.finished((await self.clone(vmid)).json()["data"])

    async def started(self, vmid: int = 900000) -> None:
        assert (await self.cloned(vmid))["exitstatus"] == "OK"
        answer = await self.ask("POST", f"{BASE}/qemu/{vmid}/status/start")
        assert (await self.site.finished(answer.json()["data"]))["exitstatus"] == "OK"


@pytest.fixture
async def client(site: Site) -> AsyncIterator[Client]:
    async with http_to(site) as http:
        yield Client(site, http)


def http_to(site: Site) -> httpx.AsyncClient:
    trusted = ssl.create_default_context(cafile=site.plan.data / "tls" / "ca.pem")
    url = f"https://{site.plan.host}:{site.plan.port}"
    return httpx.AsyncClient(base_url=url, verify=trusted, trust_env=False, timeout=20)


async def test_a_lock_timeout_takes_its_time_and_names_the_lock(client: Client) -> None:
    await client.cloned()
    await client.fault("lock-timeout", count=1)

    refused = await client.ask("PUT", f"{BASE}/qemu/900000/config", data={"cores": 2})
    again = await client.ask("PUT", f"{BASE}/qemu/900000/config", data={"cores": 2})

    text = "can't lock file '/var/lock/qemu-server/lock-900000.conf' - got timeout"
    assert (refused.status_code, refused.reason_phrase) == (500, text)
    assert refused.json() == {"data": None, "message": f"{text}\n"}
    assert again.status_code == 200


async def test_a_task_can_meet_the_lock_as_well(client: Client) -> None:
    await client.fault("task-lock-timeout", task="qmclone")

    ended = await client.cloned()

    text = "can't lock file '/var/lock/qemu-server/lock-900000.conf' - got timeout"
    assert ended["exitstatus"] == text
    assert 900000 not in client.site.lab.site.machines


@pytest.mark.parametrize(
    ("preset", "status", "reason"),
    [("broken-pipe", 596, "Broken pipe"), ("no-route", 595, "No route to host")],
)
async def test_what_the_proxy_says_between_nodes_has_no_body(
    client: Client, preset: str, status: int, reason: str
) -> None:
    await client.fault(preset)

    answer = await client.ask("GET", "/api2/json/version")

    assert (answer.status_code, answer.reason_phrase, answer.content) == (status, reason, b"")


async def test_a_revoked_token_counts_again_when_its_time_is_over(client: Client) -> None:
    await client.fault("token-revoked", lasts=200)

    refused = await client.ask("GET", "/api2/json/version")
    again = await client.until("/api2/json/version", 200)

    assert (refused.status_code, refused.content) == (401, b"")
    assert refused.reason_phrase == "Authentication failed!"
    assert again.status_code == 200


async def test_one_missing_privilege_is_named_as_by_the_real_check(client: Client) -> None:
    await client.cloned()
    await client.fault("privilege-missing", privilege="VM.Config.CPU")

    refused = await client.ask("PUT", f"{BASE}/qemu/900000/config", data={"cores": 2})
    allowed = await client.ask("PUT", f"{BASE}/qemu/900000/config", data={"memory": 1024})

    assert refused.status_code == 403
    assert "VM.Config.CPU" in refused.reason_phrase
    assert allowed.status_code == 200


async def test_an_answer_may_be_lost_although_it_was_done(client: Client) -> None:
    await client.fault("answer-lost", path="/clone$", count=1)

    with pytest.raises(httpx.TransportError):
        await client.clone()

    assert 900000 in client.site.lab.site.machines


async def test_an_answer_may_come_too_late_although_it_was_done(client: Client) -> None:
    await client.fault("answer-late", path="/clone$", count=1)

    with pytest.raises(httpx.ReadTimeout):
        await client.ask(
            "POST", f"{BASE}/qemu/9000/clone",
            data={"newid": 900000, "pool": "spawnyard"}, timeout=1,
        )  # fmt: skip

    assert 900000 in client.site.lab.site.machines


@pytest.mark.parametrize("preset", ["html", "truncated", "huge"])
async def test_an_answer_of_200_may_be_no_use_at_all(client: Client, preset: str) -> None:
    await client.fault(preset, path="/clone$", count=1)

    answer = await client.clone()

    assert answer.status_code == 200
    assert 900000 in client.site.lab.site.machines
    assert {"html": answer.text.startswith("<!DOCTYPE html>"),
            "truncated": answer.text.startswith('{"data":"UPID:pve:'),
            "huge": len(answer.content) == 10 << 20}[preset]  # fmt: skip
    if preset != "huge":
        with pytest.raises(ValueError, match=r"Expecting|Unterminated"):
            answer.json()


async def test_warnings_are_a_success_with_their_lines(client: Client) -> None:
    await client.fault("warnings", task="qmclone", warnings=2)

    ended = await client.cloned()
    log = await client.ask("GET", f"{BASE}/tasks/{ended['upid']}/log")

    assert ended["exitstatus"] == "WARNINGS: 2"
    lines = [line["t"] for line in log.json()["data"]]
    assert lines[0] == "WARN: no physical CD-ROM available, ignoring"
    assert lines[-1] == "TASK WARNINGS: 2"


async def test_a_dead_clone_worker_leaves_half_a_machine_also_across_a_restart(
    open_lab: Opened,
) -> None:
    async with open_lab() as site, http_to(site) as http:
        client = Client(site, http)
        await client.fault("dead-worker")
        ended = await client.cloned()
        log = await client.ask("GET", f"{BASE}/tasks/{ended['upid']}/log")
    async with open_lab() as again:
        half = again.lab.site.machines[900000]

    assert ended["exitstatus"] == "unexpected status"
    assert not any(line["t"].startswith("TASK") for line in log.json()["data"])
    assert half.config == {"lock": "clone"}
    assert half.volumes


async def test_a_worker_that_dies_late_leaves_name_and_description_too(client: Client) -> None:
    await client.fault("late-dead-worker")

    await client.cloned()

    half = client.site.lab.site.machines[900000]
    assert (half.lock, half.name, half.config["description"]) == ("clone", "one", "mine")
    assert client.site.lab.site.pool_of(900000) is None


async def test_a_full_storage_fails_the_clone_and_leaves_nothing(client: Client) -> None:
    await client.fault("storage-full")

    ended = await client.cloned()

    assert ended["exitstatus"].startswith("clone failed: copy failed: command")
    assert 900000 not in client.site.lab.site.machines


async def test_a_stranger_takes_the_id_before_the_clone(client: Client) -> None:
    await client.fault("stranger")

    refused = await client.clone()
    next_one = await client.cloned(900001)

    assert refused.reason_phrase == "unable to create VM 900000: config file already exists"
    stranger = client.site.lab.site.machines[900000]
    assert (stranger.name, client.site.lab.site.pool_of(900000)) == ("stranger-900000", None)
    assert next_one["exitstatus"] == "OK"


async def test_a_stranger_takes_the_id_after_the_clone_was_accepted(client: Client) -> None:
    await client.fault("stranger-in-task")

    ended = await client.cloned()

    assert ended["exitstatus"] == "unable to create VM 900000: config file already exists"
    assert client.site.lab.site.machines[900000].name == "stranger-900000"


async def test_without_quorum_reading_works_and_writing_does_not(client: Client) -> None:
    await client.fault("no-quorum")

    assert (await client.ask("GET", "/api2/json/version")).status_code == 200
    assert (await client.clone()).reason_phrase == "cluster not ready - no quorum?"


async def test_a_node_loses_power_in_the_middle_of_a_clone_and_comes_back(
    client: Client,
) -> None:
    await client.fault("node-down", path="/clone$", executed=True, seconds=1, lasts=200)

    upid = (await client.clone(full=1)).json()["data"]
    during = await client.ask("GET", f"{BASE}/tasks/{upid}/status")
    after = await client.until(f"{BASE}/tasks/{upid}/status", 200)

    assert (during.status_code, during.content) == (595, b"")
    assert after.json()["data"]["exitstatus"] == "unexpected status"
    assert client.site.lab.site.machines[900000].lock == "clone"


async def test_a_node_that_lost_power_has_its_guests_off(client: Client) -> None:
    await client.started()
    fault = await client.fault("node-down", node="pve")

    down = await client.ask("GET", f"{BASE}/qemu/900000/status/current")
    await client.http.delete(f"/lab/faults/{fault}")
    back = await client.ask("GET", f"{BASE}/qemu/900000/status/current")

    assert down.status_code == 595
    assert back.json()["data"]["status"] == "stopped"


async def test_what_nobody_reaches_goes_on(client: Client) -> None:
    await client.started()
    fault = await client.fault("node-unreachable")

    down = await client.ask("GET", f"{BASE}/qemu/900000/status/current")
    await client.http.delete(f"/lab/faults/{fault}")
    back = await client.ask("GET", f"{BASE}/qemu/900000/status/current")

    assert down.status_code == 595
    assert back.json()["data"]["status"] == "running"


async def test_a_silent_agent_and_a_deaf_guest_are_of_one_machine_only(client: Client) -> None:
    await client.started(900000)
    await client.started(900001)
    await client.fault("agent-silent", machine=900000)
    await client.fault("ignores-shutdown", machine=900000)

    silent = await client.ask("POST", f"{BASE}/qemu/900000/agent/ping")
    answering = await client.ask("POST", f"{BASE}/qemu/900001/agent/ping")
    asked = await client.ask("POST", f"{BASE}/qemu/900000/status/shutdown", data={"timeout": 5})
    ended = await client.site.finished(asked.json()["data"])

    assert silent.reason_phrase == "QEMU guest agent is not running"
    assert answering.status_code == 200
    assert ended["exitstatus"] == "VM quit/powerdown failed - got timeout"


@pytest.mark.parametrize(
    ("preset", "address"),
    [
        ("forbidden-address", "127.0.0.1"),
        ("metadata-address", "169.254.169.254"),
        ("node-address", "10.77.0.1"),
        ("other-address", "10.77.0.9"),
    ],
)
async def test_a_guest_may_lie_about_its_address(client: Client, preset: str, address: str) -> None:
    await client.cloned(900001)
    told = {"ipconfig0": "ip=10.77.0.9/16"}
    await client.ask("PUT", f"{BASE}/qemu/900001/config", data=told)
    await client.started()
    await client.fault(preset, machine=900000)

    found = await client.ask("GET", f"{BASE}/qemu/900000/agent/network-get-interfaces")

    interfaces = found.json()["data"]["result"]
    assert [entry["ip-address"] for entry in interfaces[1]["ip-addresses"]] == [address]
    assert interfaces[0]["name"] == "lo"


async def test_ssh_may_never_come_up_and_the_host_key_may_be_another(client: Client) -> None:
    await client.started()
    path = f"{BASE}/qemu/900000/agent/file-read?file=/etc/ssh/ssh_host_ed25519_key.pub"
    true_key = (await client.ask("GET", path)).json()["data"]["content"]
    await client.fault("ssh-never-up")
    await client.fault("host-key-changes")

    reach = (await client.http.get("/lab/vms/900000/endpoint")).json()
    told_key = (await client.ask("GET", path)).json()["data"]["content"]

    assert reach["ssh_port"] == 1
    assert told_key != true_key
    assert told_key.startswith("ssh-ed25519 ")


async def test_another_certificate_is_shown_to_the_next_connection(site: Site) -> None:
    async with http_to(site) as http:
        before = await shown(site)
        await Client(site, http).fault("certificate-changes")
        during = await shown(site)
        await http.delete("/lab/faults")

        assert before != during
        assert await shown(site) == before


async def test_a_certificate_of_another_authority_is_not_believed(site: Site) -> None:
    async with http_to(site) as http:
        client = Client(site, http)
        await client.fault("authority-changes", path="/version$", after=1)
        first = await client.ask("GET", "/api2/json/version")
        await client.ask("GET", "/api2/json/version")
        with pytest.raises(httpx.ConnectError, match="CERTIFICATE_VERIFY_FAILED"):
            await client.ask("GET", "/api2/json/version")

    assert first.status_code == 200


async def shown(site: Site) -> bytes:
    trusted = ssl.create_default_context(cafile=site.plan.data / "tls" / "ca.pem")
    _, writer = await asyncio.open_connection("127.0.0.1", site.plan.port, ssl=trusted)
    found = writer.get_extra_info("ssl_object").getpeercert(binary_form=True)
    writer.close()
    await writer.wait_closed()
    return bytes(found)


async def test_time_can_be_made_to_fly_while_somebody_waits(client: Client) -> None:
    await client.fault("slow-task", seconds=36_000, task="qmclone")
    upid = (await client.clone()).json()["data"]

    told = await client.http.post("/lab/clock", json={"speed": 1_000_000})

    assert told.json()["speed"] == 1_000_000
    assert (await client.site.finished(upid))["exitstatus"] == "OK"


async def test_a_wrong_fault_or_speed_is_refused_with_its_field(client: Client) -> None:
    fault = await client.http.post("/lab/faults", json={"preset": "html", "count": 0})
    speed = await client.http.post("/lab/clock", json={"speed": -1})
    unknown = await client.http.delete("/lab/faults/fault-9")

    assert (fault.status_code, list(fault.json()["fields"])) == (422, ["count"])
    assert (speed.status_code, list(speed.json()["fields"])) == (422, ["speed"])
    assert unknown.status_code == 404
