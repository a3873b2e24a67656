"""``yard login``: begin a session with a gateway."""

from typing import Final

import typer

from yard_cli.client.api import gateway
from yard_cli.commands import options
from yard_cli.commands.target import target
from yard_cli.failure import Failure
from yard_cli.interrupts import run
from yard_cli.render import console, show_json

HINT: Final = "the first user's name and password stand where ./yard up runs, and in secrets.json"


def login(
    username: str = typer.Option(..., "--user", "-u", prompt="User"),
    password: str = typer.Option(
        ..., "--password", prompt="Password", hide_input=True, help="Asked for if left out."
    ),
    url: options.Url = None,
    data: options.Data = None,
    as_json: options.Json = False,
) -> None:
    """Log in at a gateway; the session is kept for later commands."""
    found = target(url, data)

    async def begin() -> None:
        async with gateway(found.url, credentials=found.credentials) as api:
            try:
                await api.log_in(username=username, password=password)
            except Failure as failure:
                raise Failure(failure.reason, failure.remedy or HINT) from failure

    run(begin())
    if as_json:
        show_json({"url": found.url, "username": username})
    else:
        console().print(f"logged in at {found.url} as {username}")
