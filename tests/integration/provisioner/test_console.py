"""A game that nobody can ask is deployed: its console in the guest tells that it is up."""

from pathlib import Path

import pytest

from common.contracts import events as evt
from common.contracts.base import now
from common.contracts.servers import Lock, Port, PublishedPort
from provisioner.handlers import on_event
from provisioner.work import work_on
from tests.fakes.provisioner import SERVER, SPEC, FakeProvisioner, vm_ready
from tests.integration.provisioner.conftest import PLAYBOOKS, Site
from tests.integration.provisioner.real import real_tools
from tests.unit.playbooks.vendor import lock

pytestmark = [pytest.mark.integration, pytest.mark.timeout(300)]

NUMBER = 34197
FACTORIO = PLAYBOOKS / "games" / "factorio"


async def test_factorio_is_up_when_it_hosts(site: Site, runs: Path, mirror: str):
    world = FakeProvisioner()
    tools = real_tools(world, site, runs=runs, download_base=mirror)
    made_of = Lock.model_validate(
        {**lock(FACTORIO), "game": "factorio", "definition": "1.0.0", "resolved_at": now()}
    )
    port = Port(name="game", protocol="udp", number=NUMBER)
    spec = SPEC.model_copy(
        update={"game": "factorio", "settings": {}, "ports": (port,), "lock": made_of}
    )
    outside = PublishedPort(name="game", protocol="udp", guest_port=NUMBER, public_port=NUMBER)
    endpoint = site.endpoint.model_copy(update={"ports": (outside,)})
    there = {"endpoint": endpoint, "host_keys": (site.host_key,), "spec": spec}
    await on_event(vm_ready(**there), work=world)

    await work_on(SERVER, work=world, tools=tools)

    assert world.said(evt.ServerFailed) == []
    [ready] = world.said(evt.ServerReady)
    assert ready.connect == f"{site.endpoint.public_host}:{NUMBER}"
    assert (ready.query, ready.lock) == ({}, made_of)

    await on_event(vm_ready(**there, operation_id="op_6"), work=world)  # it changes nothing
    await work_on(SERVER, work=world, tools=tools)

    [_, ready] = world.said(evt.ServerReady)
    assert not any(timing.changed for timing in ready.timings)
