"""Where the bench of webhooks runs scenarios: the engine on one core, all others on the rest."""

import os
import tempfile
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from common.security.sealing import new_key_line
from tests.bench.databases import Databases, databases
from tests.bench.receivers import Receivers, receiving
from tests.bench.scenario import Run, Scenario, Wanting, run
from yard_cli.bench import Options

MANY: Final = 100  # endpoints of each kind


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """What scenarios are run on."""

    folder: Path
    databases: Databases
    receivers: Receivers
    core: set[int]

    @property
    def sealing_key(self) -> Path:
        """Where the key is that endpoints' secrets are sealed with."""
        return self.folder / "sealing.key"

    @property
    def everybody(self) -> tuple[Wanting, ...]:
        """All that answer."""
        return tuple(Wanting(port=port) for port in self.receivers.ports.fine)

    async def run(self, scenario: Scenario) -> Run:
        """Run one on an empty database."""
        url = scenario.url or await self.databases.fresh()
        settled = scenario.model_copy(update={"url": url, "sealing_key": self.sealing_key})
        return await run(settled, core=self.core, log=self.folder / "engine.log")


@asynccontextmanager
async def webhook_site(options: Options) -> AsyncGenerator[Site]:
    """Start who receives, and the database's server where there is one."""
    cores = os.sched_getaffinity(0)
    one = {min(cores)}
    os.sched_setaffinity(0, cores - one or one)  # what is started from here on too
    try:
        with tempfile.TemporaryDirectory(prefix="yard-bench-") as name:
            folder = Path(name)
            folder.chmod(0o755)  # PostgreSQL's own user passes through
            async with (
                databases(folder, postgresql=options.postgresql) as found,
                receiving(fine=MANY, hanging=MANY) as receivers,
            ):
                site = Site(folder=folder, databases=found, receivers=receivers, core=one)
                site.sealing_key.touch(mode=0o600)
                site.sealing_key.write_text(new_key_line())
                yield site
    finally:
        os.sched_setaffinity(0, cores)


def scenario(endpoints: tuple[Wanting, ...], **more: object) -> Scenario:
    """Return a scenario; the site says on which database."""
    return Scenario.model_validate({"url": "", "sealing_key": "", "endpoints": endpoints, **more})
