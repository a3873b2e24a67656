"""The guest agent over HTTP: what it refuses to whom, and in which words."""

from typing import Any

import pytest
from proxmoxer.core import ResourceException

from tests.contract.lab.conftest import Opened, Site
from tests.contract.lab.test_proxmoxer import clone


async def running(site: Site) -> Any:
    await clone(site)
    machine = site.api.nodes("pve").qemu(900000)
    await site.finished(await site.call(machine.status.start.post))
    return machine


async def test_a_file_is_written_and_read_in_parts(open_lab: Opened) -> None:
    async with open_lab() as site:
        machine = await running(site)
        site.lab.site.rules.roles["YardMachines"].append("VM.GuestAgent.FileWrite")

        await site.call(machine.agent("file-write").post, file="/srv/a", content="h\u00e4llo")

        read = machine.agent("file-read").get
        assert (await site.call(read, file="/srv/a"))["content"] == "h\u00e4llo"
        part = await site.call(read, file="/srv/a", offset=1, count=2)
        assert part == {"content": "\u00e4l", "bytes-read": 2, "truncated": 1}
        with pytest.raises(ResourceException, match="Agent error: failed to open file"):
            await site.call(read, file="/nosuch")


async def test_a_command_the_guest_does_not_know_is_an_answer_with_an_error(site: Site) -> None:
    machine = await running(site)

    told = await site.call(machine.agent("get-users").get)

    assert told["result"]["error"]["class"] == "CommandNotFound"
    assert (await site.call(machine.agent("get-host-name").get))["result"] == {"host-name": "one"}


async def test_the_older_release_reads_files_whole(open_lab: Opened) -> None:
    async with open_lab(pve="8.4") as site:
        machine = await running(site)

        with pytest.raises(ResourceException) as refused:
            await site.call(machine.agent("file-read").get, file="/srv/a", count=1)

        assert refused.value.errors is not None
        assert "not defined in schema" in refused.value.errors["count"]


async def test_rights_are_asked_for_by_kind_of_command(site: Site) -> None:
    machine = await running(site)

    for ask, right in (
        (machine.agent("exec").post, "VM.GuestAgent.Unrestricted"),
        (machine.agent("fsfreeze-freeze").post, "VM.GuestAgent.FileSystemMgmt"),
    ):
        with pytest.raises(ResourceException, match=right):
            await site.call(ask, **({"command": "id"} if "Unrestricted" in right else {}))
