"""The command line in front of a gateway in memory."""

import json
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import httpx
from typer.testing import CliRunner, Result

from common.security.addresses import Allowance
from gateway.domain.endpoint import Endpoint
from gateway.domain.user import User
from tests.fakes.gateway import USER, FakeWork
from tests.unit.cli.test_client import URL, a_login
from tests.unit.gateway.door import Door, app_over
from yard_cli.client.api import Gateway
from yard_cli.client.credentials import Credentials
from yard_cli.client.session import Session
from yard_cli.client.wire import Wire
from yard_cli.main import command_line


@dataclass
class Desk:
    """Types commands; ``work`` is what the gateway remembers, ``user`` who types."""

    folder: Path
    work: FakeWork = field(default_factory=FakeWork)
    user: User = USER
    url: str = URL
    allowance: Allowance = field(default_factory=Allowance)

    @asynccontextmanager
    async def api(self, *_: object) -> AsyncGenerator[Gateway]:
        app = app_over(self.work)
        app.state.parts = replace(app.state.parts, allowance=self.allowance)
        transport = httpx.ASGITransport(app=app)
        async with httpx.AsyncClient(transport=transport, base_url=self.url) as client:
            door = Door(client=client, work=self.work, app=app)
            token = door.bearer(self.user)["Authorization"].split()[1]
            credentials = Credentials(self.folder / "credentials.json")
            credentials.keep(self.url, a_login(token=token))
            yield Gateway(
                Wire(client, session=Session(client, url=self.url, credentials=credentials))
            )

    def type(self, *words: str, input: str | None = None) -> Result:
        return CliRunner().invoke(command_line(), list(words), input=input, env={"TERM": "xterm"})

    def done(self, *words: str, input: str | None = None) -> str:
        """Return what a command printed that did not fail."""
        shown = self.type(*words, input=input)
        assert shown.exception is None, (shown.output, shown.exception)
        return shown.output

    def told(self, *words: str) -> Any:
        return json.loads(self.done(*words, "--json"))

    @property
    def endpoint(self) -> Endpoint:
        """The one webhook that there is."""
        [found] = self.work.endpoints.rows.values()
        return found
