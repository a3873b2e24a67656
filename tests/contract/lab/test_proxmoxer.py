"""The way of a machine, walked with the client the product uses."""

import asyncio
from typing import Any
from urllib.parse import quote

import pytest
import requests
from proxmoxer.core import ResourceException

from proxmox_lab.site.people import AclEntry
from tests.contract.lab.conftest import Opened, Site
from tests.fakes.guests import HOST_KEY

KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGm5Yx0H9KkzDkQ9dV1eJ7n2vX6J5wqkU3o0mZs5o7aB yard"
DESCRIPTION = "spawnyard:i:srv_1:op_1\nports: udp/30000 tcp/25565"


async def clone(site: Site, vmid: int = 900000, **more: object) -> dict[str, object]:
    template = site.api.nodes("pve").qemu(9000)
    upid = await site.call(
        template.clone.post,
        newid=vmid,
        name="one",
        pool="spawnyard",
        description=DESCRIPTION,
        **more,
    )
    return await site.finished(upid)


async def test_a_machine_is_cloned_configured_grown_started_asked_stopped_and_deleted(
    site: Site,
) -> None:
    machine = site.api.nodes("pve").qemu(900000)

    assert (await clone(site))["exitstatus"] == "OK"
    await site.call(
        machine.config.put,
        cores=2,
        memory=1024,
        net0="virtio,bridge=vmbr0",
        ipconfig0="ip=10.77.0.5/16,gw=10.77.0.1",
        ciuser="yard",
        sshkeys=quote(KEY, safe=""),
        nameserver="10.77.0.1",
    )
    resized = await site.call(machine.resize.put, disk="scsi0", size="10G")
    assert (await site.finished(resized))["exitstatus"] == "OK"
    started = await site.call(machine.status.start.post)
    assert (await site.finished(started))["exitstatus"] == "OK"

    assert await site.call(machine.agent.ping.post) == {"result": {}}
    interfaces = await site.call(machine.agent("network-get-interfaces").get)
    assert interfaces["result"][1]["ip-addresses"][0]["ip-address"] == "10.77.0.5"
    path = "/etc/ssh/ssh_host_ed25519_key.pub"
    found = await site.call(machine.agent("file-read").get, file=path)
    assert found["content"] == HOST_KEY.decode()
    guest = site.guests.made[900000]
    assert (guest.config.user, guest.config.ssh_keys) == ("yard", (KEY,))
    assert guest.config.ports == (("udp", 30000), ("tcp", 25565))
    assert (guest.config.cores, guest.config.memory_mib) == (2, 1024)
    assert guest.config.template == "debian-13-cloud"
    assert site.guests.sizes[900000] == guest.config.disk_bytes == 10 << 30

    stopped = await site.call(machine.status.stop.post)
    assert (await site.finished(stopped))["exitstatus"] == "OK"
    gone = await site.call(machine.delete, purge=1)
    assert (await site.finished(gone))["exitstatus"] == "OK"
    with pytest.raises(ResourceException, match="Audit") as refused:
        await site.call(machine.config.get)
    assert refused.value.status_code == 403
    assert 900000 not in site.guests.made


async def test_what_ran_before_a_restart_runs_after_it(open_lab: Opened) -> None:
    async with open_lab() as site:
        await clone(site)
        upid = await site.call(site.api.nodes("pve").qemu(900000).status.start.post)
        await site.finished(upid)

    async with open_lab() as again:
        status = await again.call(again.api.nodes("pve").qemu(900000).status.current.get)
        assert status["status"] == "running"
        assert again.guests.made[900000].starts == 1
        ended = await again.call(again.api.nodes("pve").tasks(upid).status.get)
        assert ended["exitstatus"] == "OK"


async def test_the_reason_phrase_carries_the_error(site: Site) -> None:
    await clone(site)

    with pytest.raises(ResourceException) as refused:
        await clone(site)

    assert refused.value.content == "unable to create VM 900000: config file already exists"


async def test_the_products_token_may_not_run_commands_unless_it_is_given_that_right(
    site: Site,
) -> None:
    await clone(site)
    machine = site.api.nodes("pve").qemu(900000)
    await site.finished(await site.call(machine.status.start.post))

    with pytest.raises(ResourceException, match=r"VM\.GuestAgent\.Unrestricted"):
        await site.call(machine.agent.exec.post, command=["/bin/echo", "hello"])
    site.lab.site.rules.roles["YardMachines"].append("VM.GuestAgent.Unrestricted")
    run = await site.call(machine.agent.exec.post, command=["/bin/echo", "hello"])
    done = await site.call(machine.agent("exec-status").get, pid=run["pid"])

    assert (done["exitcode"], done["out-data"]) == (0, "hello\n")


async def test_a_clone_is_half_there_while_it_runs(site: Site) -> None:
    template = site.api.nodes("pve").qemu(9000)
    site.lab.site.rules.acl.append(
        AclEntry(path="/vms/900001", kind="token", who="spawnyard@pve!yard", role="YardMachines")
    )
    site.lab.site.rules.acl.append(
        AclEntry(path="/vms/900001", kind="user", who="spawnyard@pve", role="YardMachines")
    )

    upid = await site.call(
        template.clone.post, newid=900001, full=1, bwlimit=20000, pool="spawnyard", name="slow"
    )
    during = await site.call(site.api.nodes("pve").qemu(900001).config.get)
    with pytest.raises(ResourceException, match="VM is locked"):
        await site.call(site.api.nodes("pve").qemu(900001).config.put, cores=2)
    await site.call(site.api.nodes("pve").tasks(upid).delete)

    assert during["lock"] == "clone"
    assert "scsi0" not in during
    assert 900001 not in site.lab.site.machines
    assert "interrupted by signal" in (await site.finished(upid))["exitstatus"]


async def test_a_lost_answer_is_lost_after_the_work_was_done(site: Site) -> None:
    await panel(site, "POST", "/lab/faults", action="drop", method="POST", path="/clone$", count=1)

    with pytest.raises(requests.exceptions.ConnectionError):
        await clone(site)

    assert 900000 in site.lab.site.machines
    with pytest.raises(ResourceException, match="already exists"):
        await clone(site)


async def test_injected_refusals_and_task_failures_say_what_they_were_told(site: Site) -> None:
    await panel(
        site,
        "POST",
        "/lab/faults",
        action="answer",
        path="/nextid",
        status=596,
        reason="Broken pipe",
    )
    await panel(
        site, "POST", "/lab/faults", action="fail", task="qmclone", text="no space", count=1
    )

    with pytest.raises(ResourceException, match="596"):
        await site.call(site.api.cluster.nextid.get)
    failed = await clone(site)
    listed = await panel(site, "GET", "/lab/faults")
    await panel(site, "DELETE", "/lab/faults")

    assert failed["exitstatus"] == "no space"
    assert [fault["hits"] for fault in listed] == [1, 1]
    assert await panel(site, "GET", "/lab/faults") == []
    assert (await clone(site))["exitstatus"] == "OK"


async def test_the_panel_tells_where_a_guest_is_reached_and_how_long_tasks_took(site: Site) -> None:
    await clone(site)
    machine = site.api.nodes("pve").qemu(900000)
    await site.call(machine.config.post, ipconfig0="ip=10.77.0.5/16,gw=10.77.0.1")
    assert await panel(site, "GET", "/lab/vms/900000/endpoint") == {
        "error": "the machine is not running"
    }
    await site.finished(await site.call(machine.status.start.post))

    assert await panel(site, "GET", "/lab/vms/900000/endpoint") == {
        "address": "10.77.0.5",
        "ssh_host": "127.1.2.3",
        "ssh_port": 2222,
        "public_host": "127.1.2.3",
        "ports": [
            {"name": None, "protocol": "udp", "guest_port": 30000, "public_port": 30000},
            {"name": None, "protocol": "tcp", "guest_port": 25565, "public_port": 25565},
        ],
    }
    assert (await panel(site, "GET", "/lab/vms/900000/guest"))["name"] == "one"
    tasks = await panel(site, "GET", "/lab/tasks")
    assert [(task["type"], task["machine"]) for task in tasks] == [
        ("qmstart", 900000),
        ("qmconfig", 900000),
        ("qmclone", 900000),
    ]
    assert all(task["seconds"] > 0 for task in tasks)


async def panel(site: Site, verb: str, at: str, /, **rule: object) -> Any:
    url = f"https://{site.plan.host}:{site.plan.port}{at}"
    answer = await asyncio.to_thread(
        requests.request,
        verb,
        url,
        json=rule or None,
        verify=str(site.plan.data / "tls" / "ca.pem"),
        timeout=10,
    )
    return answer.json() if answer.content else None
