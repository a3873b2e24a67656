"""Which gateway a command speaks to, and as whom."""

from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import TypeVar

from yard_cli.client.api import Gateway, gateway
from yard_cli.client.credentials import Account, Credentials
from yard_cli.client.webhook_lookup import webhook_called
from yard_cli.client.webhooks import Webhook, Webhooks
from yard_cli.failure import Failure
from yard_cli.interrupts import run
from yard_cli.settings import CliSettings
from yard_cli.stack.folder import DataFolder, RunningStack
from yard_cli.stack.ports import Ports
from yard_cli.stack.secrets import load_or_make
from yard_cli.stack.stand_ins import NAME as STAND_INS

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """A gateway and the logins kept for it. ``folder`` is set if its stack runs here."""

    url: str
    credentials: Credentials
    folder: DataFolder | None = None


def data_folder(data: Path | None, *, vm: bool = False, stand_ins: bool = False) -> DataFolder:
    """Return the data folder a command means; real guests and stand-ins have ones of their own."""
    if data is not None:
        return DataFolder(data.expanduser().resolve())
    usual = CliSettings().data.expanduser().resolve()
    kind = (*(("vm",) if vm else ()), *((STAND_INS,) if stand_ins else ()))
    return DataFolder(usual.joinpath(*kind))


def running_folder(data: Path | None) -> tuple[DataFolder, RunningStack]:
    """Return the data folder on which a stack runs, and what runs there."""
    for vm, stand_ins in product((False, True), repeat=2):
        folder = data_folder(data, vm=vm, stand_ins=stand_ins)
        if running := folder.running():
            return folder, running
    raise Failure(
        f"no stack is running on {data_folder(data).path}",
        "start one with: ./yard up   (or name a gateway elsewhere: --url)",
    )


def target(url: str | None, data: Path | None) -> Target:
    """Find the gateway: the one named, or that of the stack running on the data folder."""
    settings = CliSettings()
    if named := url or settings.url:
        kept = Credentials(settings.config / "credentials.json")
        return Target(url=named.rstrip("/"), credentials=kept)
    folder, running = running_folder(data)
    return Target(
        url=Ports(running.base_port).url("gateway"),
        credentials=Credentials(folder.credentials),
        folder=folder,
    )


@asynccontextmanager
async def api(url: str | None, data: Path | None) -> AsyncGenerator[Gateway]:
    """Open the gateway a command speaks to. The local stack's owner is logged in by itself."""
    found = target(url, data)
    account = None
    if found.folder is not None:
        secrets = load_or_make(found.folder)
        account = Account(username=secrets.username, password=secrets.password)
    async with gateway(found.url, credentials=found.credentials, account=account) as opened:
        yield opened


def with_gateway(url: str | None, data: Path | None, do: Callable[[Gateway], Awaitable[T]]) -> T:
    """Return what ``do`` returns, done at the gateway a command speaks to."""

    async def done() -> T:
        async with api(url, data) as gateway:
            return await do(gateway)

    return run(done())


def with_webhooks(url: str | None, data: Path | None, do: Callable[[Webhooks], Awaitable[T]]) -> T:
    """Return what ``do`` returns, done to the webhooks of the gateway a command speaks to."""
    return with_gateway(url, data, lambda gateway: do(Webhooks(gateway.wire)))


def with_webhook(
    url: str | None, data: Path | None, word: str, do: Callable[[Webhooks, Webhook], Awaitable[T]]
) -> T:
    """Return what ``do`` returns, done to the webhook that ``word`` means."""

    async def done(webhooks: Webhooks) -> T:
        return await do(webhooks, await webhook_called(webhooks, word))

    return with_webhooks(url, data, done)
