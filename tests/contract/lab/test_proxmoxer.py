"""The way of a machine, walked with the client the product uses."""

from urllib.parse import quote

import pytest
from proxmoxer.core import ResourceException

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
    site.lab.site.rules.roles["YardMachines"].append("VM.GuestAgent.Unrestricted")

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
    run = await site.call(machine.agent.exec.post, command=["/bin/echo", "hello"])
    done = await site.call(machine.agent("exec-status").get, pid=run["pid"])
    assert (done["exitcode"], done["out-data"]) == (0, "hello\n")
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
    with pytest.raises(ResourceException, match="VM.Audit") as refused:
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
