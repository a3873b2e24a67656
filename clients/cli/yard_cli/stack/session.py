"""The embedded stack for as long as a command runs: checked, started, kept up, taken down."""

import asyncio
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from functools import partial
from typing import Final

from yard_cli.client.api import gateway
from yard_cli.client.credentials import Credentials
from yard_cli.stack import orphans, preflight
from yard_cli.stack.plan import Site, foundations, services
from yard_cli.stack.supervisor import News, Supervisor

READY_WITHIN: Final = 90.0  # generous: a small machine may be busy


@dataclass(frozen=True, slots=True, kw_only=True)
class RunningSite:
    """A site whose processes all answer."""

    site: Site
    supervisors: Sequence[Supervisor]

    @property
    def url(self) -> str:
        """Where the gateway is."""
        return self.site.ports.url("gateway")

    @property
    def credentials(self) -> Credentials:
        """Where the command line keeps its tokens for it."""
        return Credentials(self.site.folder.credentials)

    async def watch(self) -> None:
        """Wait for ever; raise if a process cannot be kept running."""
        await asyncio.gather(*(supervisor.watch() for supervisor in self.supervisors))


@asynccontextmanager
async def running(site: Site, *, tell: Callable[[News], None]) -> AsyncGenerator[RunningSite]:
    """Start the stack and make its first user; stop every process at the end."""
    preflight.check_tools(site)
    held = site.folder.held(
        ports=site.ports,
        guests=site.guests,
        stand_ins=site.stand_ins,
        check=partial(preflight.check_place, site),
    )
    with held:
        orphans.adopt()
        async with AsyncExitStack() as ends:
            ends.callback(orphans.end_all)
            ground = await ends.enter_async_context(Supervisor(foundations(site), tell=tell))
            if not (site.folder.lab / "token.json").exists():
                # The very first start: the lab is about to make the token the services need.
                await ground.wait_until_ready(timeout=READY_WITHIN)
            upper = await ends.enter_async_context(Supervisor(services(site), tell=tell))
            await _bury_for_as_long(ends, (ground, upper))
            for supervisor in (ground, upper):
                await supervisor.wait_until_ready(timeout=READY_WITHIN)
            here = RunningSite(site=site, supervisors=(ground, upper))
            await _ensure_user(here)
            yield here


async def _ensure_user(here: RunningSite) -> None:
    secrets = here.site.secrets
    async with gateway(here.url, credentials=here.credentials) as api:
        person = {"username": secrets.username, "password": secrets.password}
        await api.set_up(setup_token=secrets.setup_token, **person)
        await api.log_in(**person)


async def _bury_for_as_long(ends: AsyncExitStack, supervisors: Sequence[Supervisor]) -> None:
    def own() -> set[int]:
        keepers = (keeper for supervisor in supervisors for keeper in supervisor.keepers)
        return {keeper.pid for keeper in keepers if keeper.pid is not None}

    grave_digger = asyncio.create_task(orphans.bury(own))
    ends.callback(grave_digger.cancel)
