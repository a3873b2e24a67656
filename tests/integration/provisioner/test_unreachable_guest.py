"""Guests that SSH does not get into: each case has its own reason, and what helps against it."""

import subprocess
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from common.contracts import events as evt
from common.contracts.servers import Endpoint
from provisioner import steps
from provisioner.adapters.ssh import SshGuests
from provisioner.domain.inventory import Target, target
from provisioner.domain.run import Stage
from provisioner.handlers import on_event
from provisioner.work import work_on
from tests.connections import recorded
from tests.fakes.provisioner import SERVER, FakeProvisioner, vm_ready
from tests.integration.provisioner.conftest import Site

pytestmark = [pytest.mark.integration, pytest.mark.timeout(180)]

LONGEST = 600.0
OTHER_KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIHgkjKwjQEhicRQlDQCGgc3XiLocJxkfxxWbtx9WpAMn x"


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Give up after seconds where minutes are given."""
    assert steps.SSH_PATIENCE <= LONGEST
    monkeypatch.setattr(steps, "SSH_PATIENCE", 2.0)


async def failure(
    endpoint: Endpoint, key_file: Path, *, host_keys: Sequence[str]
) -> evt.ServerFailed:
    """Have a guest set up, and return how that failed. No playbook may have been played."""
    world = FakeProvisioner()

    def reached(endpoint: Endpoint) -> Target:
        return target(endpoint, user="yard", key_file=key_file)

    tools = replace(world.tools, guests=SshGuests(), target=reached)
    await on_event(vm_ready(endpoint=endpoint, host_keys=tuple(host_keys)), work=world)
    await work_on(SERVER, work=world, tools=tools)

    assert world.run.stage is Stage.FAILED
    assert world.said(evt.ServerReady) == []
    [failed] = world.said(evt.ServerFailed)
    assert failed.step == "ssh"
    return failed


async def test_f35_a_port_that_never_opens_is_told(site: Site, ports: Callable[[], int]):
    endpoint = site.endpoint.model_copy(update={"ssh_port": ports()})

    failed = await failure(endpoint, site.key_file, host_keys=[site.host_key])

    assert "the port does not answer" in failed.reason
    assert "console" in (failed.remedy or "")


async def test_f35_a_host_key_that_is_not_the_one_the_agent_told_ends_it_at_once(
    site: Site, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(steps, "SSH_PATIENCE", 50.0)

    failed = await failure(site.endpoint, site.key_file, host_keys=[OTHER_KEY])

    assert "the host key" in failed.reason
    assert "is not the guest's" in failed.reason
    assert "another machine at this address" in (failed.remedy or "")


async def test_f35_a_guest_that_does_not_let_us_in_is_told(
    site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(steps, "SSH_PATIENCE", 8.0)
    stranger = tmp_path / "stranger"
    command = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(stranger)]
    subprocess.run(command, check=True)

    failed = await failure(site.endpoint, stranger, host_keys=[site.host_key])

    assert "Permission denied" in failed.reason
    assert "cloud-init" in (failed.remedy or "")


async def test_f36_nobody_but_the_endpoint_is_connected_to(site: Site, ports: Callable[[], int]):
    endpoint = site.endpoint.model_copy(update={"ssh_port": ports(), "address": "169.254.169.254"})

    with recorded() as connections:
        await failure(endpoint, site.key_file, host_keys=[site.host_key])

    assert set(connections) == {(endpoint.ssh_host, endpoint.ssh_port)}
