"""Real Ansible runs the real playbooks against a simulated guest."""

import asyncio
import subprocess
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from common.contracts import events as evt
from common.contracts.servers import Port
from provisioner.adapters.ansible.supervised import AnsiblePlaybooks
from provisioner.adapters.games import GameFolders
from provisioner.adapters.query import GameQueries
from provisioner.adapters.resolvers.catalogue import Resolvers
from provisioner.adapters.resolvers.downloads import Downloads
from provisioner.adapters.ssh import SshGuests
from provisioner.domain.errors import NotYet, StepFailed
from provisioner.domain.inventory import inventory, known_hosts, variables
from provisioner.domain.lock import installed, wish
from provisioner.domain.play import Play, PlayEnded, TaskEvent
from provisioner.domain.restart import Manner
from provisioner.domain.run import Stage
from provisioner.domain.server_key import PLACE, ServerKey
from provisioner.handlers import on_event
from provisioner.ports import Tools
from provisioner.work import work_on
from tests.fakes.provisioner import SERVER, SPEC, FakeProvisioner, vm_ready
from tests.integration.provisioner.conftest import PLAYBOOKS, Site

pytestmark = [pytest.mark.integration, pytest.mark.timeout(300)]

GAMES = GameFolders(PLAYBOOKS)
RESOLVERS = Resolvers(playbooks=PLAYBOOKS, downloads=Downloads())
AS_IT_IS = Manner()
UGLY = "{{ lookup('pipe', 'touch /tmp/pwned') }} \"quoted\" 'single' \\back $(id) #; %s {% raw %} é"


async def install(
    site: Site,
    runs: Path,
    *,
    game: str,
    settings: Mapping[str, Any],
    playbook: str = "site.yml",
    manner: Manner = AS_IT_IS,
) -> tuple[PlayEnded, list[TaskEvent]]:
    found = GAMES.find(game)
    full = GAMES.complete(found, settings)
    spec = SPEC.model_copy(
        update={"game": game, "ports": (Port(name="game", protocol="udp", number=30000),)}
    )
    told: list[TaskEvent] = []

    async def tell(event: TaskEvent) -> None:
        told.append(event)

    ended = await AnsiblePlaybooks(project=PLAYBOOKS, runs=runs).play(
        Play(
            name=SERVER,
            playbook=playbook,
            inventory=inventory(site.target()),
            variables=variables(
                spec,
                game=found,
                settings=full,
                lock=installed(await RESOLVERS.resolve(wish(found, full))),
                download_base="",
                manner=manner,
            ),
            known_hosts=known_hosts(site.target(), [site.host_key]),
            tags=manner.tags,
        ),
        tell=tell,
    )
    return ended, told


async def login(site: Site) -> None:
    while True:
        try:
            await SshGuests().login(site.target(), (site.host_key,), first_use=False)
        except NotYet:
            await asyncio.sleep(0.05)
        else:
            return


@pytest.mark.parametrize(
    ("game", "file", "name", "expected"),
    [
        ("luanti", "/etc/luanti/default.conf", "server_name", f"server_name = {UGLY}\n"),
        (
            "teeworlds",
            "/etc/teeworlds/server.cfg",
            "server_name",
            'sv_name "' + UGLY.replace("\\", "\\\\").replace('"', '\\"') + '"\n',
        ),
    ],
)
async def test_a_second_run_changes_nothing_and_hostile_values_land_as_text(
    site: Site, runs: Path, game: str, file: str, name: str, expected: str
):
    await login(site)

    first, told = await install(site, runs, game=game, settings={name: UGLY})
    again, told_again = await install(site, runs, game=game, settings={name: UGLY})

    assert (first.status, first.output) == ("successful", ())
    assert any(event.kind == "changed" for event in told)
    assert (again.status, again.output) == ("successful", ())
    assert [event.task for event in told_again if event.kind == "changed"] == []
    assert expected in await site.read(file)
    assert not Path("/tmp/pwned").exists()
    started = [e for e in told_again if e.kind == "started"]
    assert len(started) == GAMES.find(game).tasks
    assert list(runs.glob(SERVER)) == [], "the private folder is gone"


async def test_who_wants_the_newest_packages_and_has_them_changes_nothing(site: Site, runs: Path):
    await login(site)
    await install(site, runs, game="luanti", settings={}, manner=Manner(renew=True))

    ended, told = await install(site, runs, game="luanti", settings={}, manner=Manner(renew=True))

    assert (ended.status, ended.output) == ("successful", ())
    assert [event.task for event in told if event.kind == "changed"] == []


@pytest.mark.parametrize("again", [False, True])
async def test_after_a_run_that_was_cut_off_the_game_is_restarted_in_any_case(
    site: Site, runs: Path, again: bool
):
    await login(site)
    await install(site, runs, game="luanti", settings={})

    ended, told = await install(site, runs, game="luanti", settings={}, manner=Manner(again=again))

    changed = [event.task for event in told if event.kind == "changed"]
    assert (ended.status, ended.output) == ("successful", ())
    assert changed == ["Restart what an interrupted run may have left behind"] * again


@pytest.mark.parametrize("game", ["luanti", "teeworlds"])
async def test_what_is_baked_starts_no_game_and_is_opened_by_nobody(
    site: Site, runs: Path, game: str
):
    await login(site)

    ended, _ = await install(
        site, runs, game=game, settings={}, playbook="bake.yml", manner=Manner(renew=True)
    )

    assert (ended.status, ended.output) == ("successful", ())
    asked = ("systemctl", "is-enabled", "luanti-server", "teeworlds-server")
    told = (await site.guest.agent_exec(asked, b"")).out.decode().split()
    assert "enabled" not in told
    keys = ("sh", "-c", "ls /etc/ssh/ssh_host_* /home/yard/.ssh/authorized_keys")
    assert not (await site.guest.agent_exec(keys, b"")).out


@pytest.mark.parametrize("has_own_key", [False, True])
async def test_a_run_brings_a_server_up_that_answers_a_client(
    site: Site, runs: Path, tmp_path: Path, has_own_key: bool
):
    world = FakeProvisioner()
    if has_own_key:  # and the installation's does not open it
        private = site.key_file.read_bytes().hex()
        sealed = f"sealed:fake:{SERVER}:{PLACE}:{private}"
        world.keys.rows[SERVER] = ServerKey(server_id=SERVER, public="", private=sealed)
        site = replace(site, key_file=tmp_path / "nothing")
    tools = Tools(
        guests=SshGuests(folder=runs),
        playbooks=AnsiblePlaybooks(project=PLAYBOOKS, runs=runs),
        games=GAMES,
        resolvers=RESOLVERS,
        queries=GameQueries(),
        seals=world.tools.seals,
        log=world.log,
        target=site.target,
    )
    spec = SPEC.model_copy(update={"game": "luanti", "settings": {"motd": "hi"}})
    event = vm_ready(endpoint=site.endpoint, host_keys=(site.host_key,), spec=spec)
    await on_event(event, work=world)

    await work_on(SERVER, work=world, tools=tools)

    [ready] = world.said(evt.ServerReady)
    assert world.run.stage is Stage.DONE
    assert ready.connect == f"{site.endpoint.public_host}:30000"
    assert ready.query["peer_id"] > 0
    assert "motd = hi\n" in await site.read("/etc/luanti/default.conf")
    assert ready.lock is not None
    assert ready.timings
    assert [path.name for path in runs.iterdir() if path.is_dir()] == ["ansible"], "no key is left"


async def test_a_guest_with_another_key_is_not_logged_in_to(site: Site):
    await login(site)
    other = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIHgkjKwjQEhicRQlDQCGgc3XiLocJxkfxxWbtx9WpAMn x"

    with pytest.raises(StepFailed, match="host key"):
        await SshGuests().login(site.target(), (other,), first_use=False)


async def test_what_a_run_asks_after_its_login_goes_through_the_same_connection(
    site: Site, runs: Path
):
    guests, keys = SshGuests(folder=runs), (site.host_key,)
    await login(site)
    await guests.login(site.target(), keys, first_use=False)
    await site.guest.agent_write_file("/home/yard/.ssh/authorized_keys", b"")  # no further one

    found = await guests.packages(site.target(), keys, names=["openssh-server"])

    assert list(found) == ["openssh-server"]
    with pytest.raises(NotYet, match="Permission denied"):
        await guests.login(site.target(), keys, first_use=False)  # which is always a new one


async def test_one_who_did_not_log_in_for_a_run_leaves_no_connection(site: Site, runs: Path):
    await login(site)

    await SshGuests(folder=runs).packages(site.target(), (site.host_key,), names=["openssh-server"])

    assert list(runs.iterdir()) == []


async def test_on_first_use_the_key_is_learnt(site: Site):
    await login(site)

    [learnt] = await SshGuests().login(site.target(), (), first_use=True)

    assert learnt.split()[:2] == site.host_key.split()[:2]


async def test_a_key_the_guest_does_not_know_is_not_let_in_yet(site: Site, tmp_path: Path):
    await login(site)
    stranger = tmp_path / "stranger"
    command = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(stranger)]
    subprocess.run(command, check=True)

    with pytest.raises(NotYet, match="Permission denied"):
        await SshGuests().login(
            replace(site.target(), key_file=stranger), (site.host_key,), first_use=False
        )
