"""The doctor in front of a lab: all well, then each thing broken in turn."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from common.contracts.hypervisor import Diagnosis, Finding, HypervisorSettings
from proxmox_lab.site.people import AclEntry
from tests.fakes import root_shell
from tests.integration.vm_service.conftest import Opened, Site, on_both
from vm_service.adapters.proxmox import wire
from vm_service.adapters.proxmox.doctor import examine
from vm_service.domain.doctor.chart import Holdings
from yard_cli import proxmox_script

pytestmark = [pytest.mark.integration, on_both]


@pytest.fixture
def database_url() -> str:
    return "sqlite+aiosqlite://"  # nothing is kept here


def told(site: Site, **changed: Any) -> HypervisorSettings:
    settings = site.settings.hypervisor()
    assert settings is not None
    ca_file = site.settings.proxmox_ca_file
    assert ca_file is not None
    fields = settings.model_dump() | {"ca_pem": ca_file.read_text()}
    return HypervisorSettings.model_validate(fields | changed)


async def look(site: Site, **changed: Any) -> Diagnosis:
    return await examine(told(site, **changed), Holdings())


async def test_a_fresh_site_is_healthy(site: Site):
    found = await look(site)

    assert [f for f in found.findings if f.level != "ok"] == []
    assert found.version == site.lab.release.version


async def test_three_nodes_ask_for_a_right_to_see_their_memory(open_site: Opened, pve: str):
    async with open_site(pve=pve, nodes=3) as site:
        (finding,) = _wrong(await look(site))
        assert finding.code == "nodes_memory"

        assert finding.command is not None
        root_shell.run(site.lab.site, finding.command)
        assert _wrong(await look(site)) == []


AHEAD = timedelta(minutes=5)
Break = Callable[[Site], object]


def _wrong(found: Diagnosis) -> list[Finding]:
    return [finding for finding in found.findings if finding.level != "ok"]


def without_role(site: Site, path: str) -> None:
    site.lab.site.rules.acl = [one for one in site.lab.site.rules.acl if one.path != path]


def without_right(site: Site, role: str, right: str) -> None:
    site.lab.site.rules.roles[role].remove(right)


def config(site: Site) -> dict[str, str]:
    return site.lab.site.machines[9000].config


def join(site: Site, path: str, role: str) -> None:
    for kind, who in (("user", "spawnyard@pve"), ("token", "spawnyard@pve!yard")):
        site.lab.site.rules.acl.append(AclEntry(path=path, kind=kind, who=who, role=role))


# What is broken, what the doctor calls it, and whether its command makes it good again.
BROKEN: dict[str, tuple[Break, str, bool]] = {
    "no rights on the pool": (
        lambda site: without_role(site, "/pool/spawnyard"), "privileges_missing", True
    ),
    "one right less": (
        lambda site: without_right(site, "YardMachines", "VM.Config.Disk"),
        "privileges_missing", True,
    ),
    "no clone": (
        lambda site: without_right(site, "YardTemplates", "VM.Clone"), "privileges_missing", True
    ),
    "no bridge right": (
        lambda site: without_role(site, "/sdn/zones/localnetwork/vmbr0"),
        "privileges_missing", True,
    ),
    "too many rights": (
        lambda site: join(site, "/access", "Administrator"), "privileges_surplus", False
    ),
    "no pool": (lambda site: site.lab.site.rules.pools.clear(), "pool_missing", True),
    "no template": (lambda site: site.lab.site.machines.pop(9000), "template_missing",
                    False),
    "no agent": (lambda site: config(site).update(agent="0"), "template_agent", True),
    "no cloud-init drive": (lambda site: config(site).pop("ide2"),
                            "template_cloud_init", True),
    "boots from the network": (lambda site: config(site).update(boot="order=net0"),
                               "template_disk", True),
    "no console": (lambda site: config(site).pop("serial0"), "template_console", True),
    "the usual CPU": (lambda site: config(site).pop("cpu"), "template_cpu", True),
    "no images there": (
        lambda site: setattr(site.lab.site.rules.storages["vmdata"], "content", ["rootdir"]),
        "storage_content", True,
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", BROKEN)
async def test_what_is_broken_is_found_and_the_command_repairs_it(site: Site, name: str):
    break_it, code, is_repaired = BROKEN[name]
    break_it(site)

    found = _wrong(await look(site))

    assert code in {finding.code for finding in found}
    commands = [finding.command for finding in found if finding.code == code]
    assert all(commands)
    if is_repaired:
        for command in commands:
            root_shell.run(site.lab.site, command or "")
        assert _wrong(await look(site)) == []


async def test_the_printed_script_makes_a_site_that_is_healthy(site: Site):
    rules = site.lab.site.rules
    rules.acl.clear()
    rules.pools.clear()
    rules.roles.clear()
    script = proxmox_script.script(
        proxmox_script.Choices(
            major=site.lab.release.major, user="spawnyard@pve", token="yard", pool="spawnyard",
            template_id=9000, storage="vmdata", network=told(site).networks[0],
        )
    )  # fmt: skip

    root_shell.run_script(site.lab.site, script.replace("qm set 9000 --scsi0", "#"))

    assert _wrong(await look(site)) == []


@pytest.mark.parametrize(
    ("changed", "code"),
    [
        ({"token_secret": "wrong"}, "token_refused"),
        ({"ca_pem": None}, "certificate"),
        ({"ca_pem": None, "fingerprint": ":".join(["AB"] * 32)}, "certificate"),
        ({"url": "https://127.0.0.1:1"}, "unreachable"),
    ],
)
async def test_who_is_not_let_in_learns_why(site: Site, changed: dict[str, Any], code: str):
    found = await look(site, **changed)

    assert [finding.code for finding in found.findings] == [code]
    assert found.version is None


async def test_a_read_that_is_forbidden_is_a_finding_and_the_rest_is_seen_nevertheless(site: Site):
    await site.break_(
        action="answer", path="/nodes/pve/storage$", status=403,
        reason="Permission check failed (/nodes/pve, Sys.Audit)",
    )  # fmt: skip

    found = await look(site)

    (finding,) = [one for one in found.findings if one.level != "ok"]
    assert finding.code == "unseen"
    assert finding.command is not None
    assert "Sys.Audit on /nodes/pve" in finding.command
    assert {"template", "bridge", "pool"} <= {one.code for one in found.findings}


async def test_a_clock_that_is_off_is_told(site: Site, monkeypatch: pytest.MonkeyPatch):
    read = wire.parsedate_to_datetime
    monkeypatch.setattr(wire, "parsedate_to_datetime", lambda text: read(text) + AHEAD)

    (finding,) = _wrong(await look(site))

    assert finding.code == "clock"
    assert "ahead of ours" in finding.title
