"""Both ways to play a game's playbook, each on a guest of its own, and what each took."""

import asyncio
import shutil
import tempfile
import time
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from pydantic import JsonValue

from common.contracts.ids import new_id
from common.contracts.servers import ServerSpec
from provisioner.adapters.ansible.nursery import Nursery
from provisioner.adapters.ansible.supervised import AnsiblePlaybooks
from provisioner.adapters.games import GameFolders
from provisioner.adapters.resolvers.catalogue import Resolvers
from provisioner.adapters.resolvers.downloads import Downloads
from provisioner.adapters.ssh import SshGuests
from provisioner.handlers import on_event
from provisioner.ports import Tools
from provisioner.work import work_on
from tests.bench.guest import Site, a_guest
from tests.bench.plain import ansible_playbook, lay_out
from tests.fakes.provisioner import SERVER, SPEC, FakeProvisioner, vm_ready
from yard_cli.failure import Failure
from yard_cli.settings import ROOT

PLAYBOOKS: Final = ROOT / "playbooks"


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """Seconds of the same work, done in both ways."""

    plain: float
    ours: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Turn:
    """Both ways on a fresh guest, and on the same guest once more."""

    first: Pair
    again: Pair


async def compared(game: str, playbooks: AnsiblePlaybooks, *, ours_first: bool) -> Turn:
    """Let both ways install the game twice."""
    spec = SPEC.model_copy(update={"game": game, "settings": {}})
    if ours_first:
        ours, plain = await _ours(spec, playbooks), await _plain(spec)
    else:
        plain, ours = await _plain(spec), await _ours(spec, playbooks)
    first, again = (Pair(plain=one, ours=other) for one, other in zip(plain, ours, strict=True))
    return Turn(first=first, again=again)


async def _plain(spec: ServerSpec) -> tuple[float, float]:
    async with a_guest() as site:
        folder, playbook = site.folder / "plain", PLAYBOOKS / "site.yml"
        folder.mkdir()
        await lay_out(folder, playbooks=PLAYBOOKS, spec=spec, site=site)
        first = await ansible_playbook(folder, playbook=playbook)
        return first, await ansible_playbook(folder, playbook=playbook)


async def _ours(spec: ServerSpec, playbooks: AnsiblePlaybooks) -> tuple[float, float]:
    async with a_guest() as site:
        provisioner = _provisioner(site, playbooks)
        first = await provisioner.run(spec, kind="deploy")
        return first, await provisioner.run(spec, kind="reconfigure")


@dataclass(slots=True)
class _Finish:
    """Is asked for the game as soon as the playbook is over, and notes when that is."""

    at: float = 0.0

    async def ask(self, protocol: str, host: str, port: int) -> dict[str, JsonValue]:
        self.at = time.monotonic()
        return {}


@dataclass(slots=True, kw_only=True)
class _Provisioner:
    """The service's way of a run; ``finish`` is told when the playbook is over."""

    site: Site
    world: FakeProvisioner
    tools: Tools
    finish: _Finish
    nursery: Nursery

    async def run(self, spec: ServerSpec, *, kind: Any) -> float:
        """Return the seconds from the VM that can be reached to the end of the playbook."""
        ready = vm_ready(
            endpoint=self.site.endpoint,
            host_keys=(self.site.host_key,),
            spec=spec,
            kind=kind,
            operation_id=new_id("operation"),
        )
        await on_event(ready, work=self.world)
        while not self.nursery.is_warm:
            await asyncio.sleep(0.05)
        self.finish.at, began = 0.0, time.monotonic()
        await work_on(SERVER, work=self.world, tools=self.tools)
        if not self.finish.at:
            raise Failure("the run failed", "read its last lines", details=self.world.texts()[-20:])
        return self.finish.at - began


def _provisioner(site: Site, playbooks: AnsiblePlaybooks) -> _Provisioner:
    """Return a provisioner's tools as the service has them; its database is one in memory."""
    world, finish = FakeProvisioner(), _Finish()
    tools = Tools(
        guests=SshGuests(folder=playbooks.runs),
        playbooks=playbooks,
        games=GameFolders(PLAYBOOKS),
        resolvers=Resolvers(playbooks=PLAYBOOKS, downloads=Downloads()),
        queries=finish,
        seals=world.tools.seals,
        log=world.log,
        target=lambda _: site.target,
    )
    return _Provisioner(
        site=site, world=world, tools=tools, finish=finish, nursery=playbooks.nursery
    )


@asynccontextmanager
async def playbooks_at_hand() -> AsyncGenerator[AnsiblePlaybooks]:
    """Have what plays playbooks, and keeps one process ready, as the service does."""
    runs = Path(tempfile.mkdtemp(prefix="yard-b-"))  # short, as folders of sockets have to be
    playbooks = AnsiblePlaybooks(project=PLAYBOOKS, runs=runs)
    keeping = asyncio.ensure_future(playbooks.nursery.keep())
    try:
        yield playbooks
    finally:
        keeping.cancel()
        await asyncio.wait({keeping})
        shutil.rmtree(runs, ignore_errors=True)
