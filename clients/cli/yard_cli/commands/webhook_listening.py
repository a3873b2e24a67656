"""``yard webhooks listen``: a receiver on this machine, to see events arrive and verify."""

from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, aclosing, asynccontextmanager
from ipaddress import ip_address
from pathlib import Path
from typing import Annotated, Final
from urllib.parse import urlsplit

import httpx
import typer
from pydantic import JsonValue, ValidationError

from common.contracts.ids import new_id
from yard_cli.client.events import Event
from yard_cli.client.receiver import Arrival, Receiver, receiver
from yard_cli.client.signatures import Verifier
from yard_cli.client.webhooks import KeyedWebhook, Webhooks
from yard_cli.commands import options
from yard_cli.commands import webhook_options as typed
from yard_cli.commands.events import line_of
from yard_cli.commands.target import api
from yard_cli.commands.values import held_by
from yard_cli.failure import Failure
from yard_cli.interrupts import run
from yard_cli.render import console, printable, show_json, show_warning

HERE: Final = "127.0.0.1"
PORT: Final = 9000
OPEN_LOOPBACK: Final = (
    "the gateway's operator opens its own machine to webhooks by"
    " SPAWNYARD_WEBHOOK_ALLOW_CIDRS=127.0.0.0/8   (./yard up does so by itself)"
)
BY_WHICH: Final = "say by which secret: --secret-file FILE, or have a webhook made: --register"
CLOSED: Final = "kept closed"  # whatever is opened
CUT: Final = 200  # characters shown of a body that is no event of ours


def listen(  # noqa: PLR0913, PLR0917  each is an option of the command
    port: Annotated[
        int, typer.Option(help="Where to listen; 0: any free one.", min=0, max=65_535)
    ] = PORT,
    host: Annotated[str, typer.Option(help="By which address; others can reach it then.")] = HERE,
    secret_file: Annotated[
        Path | None, typer.Option(help="Holds whsec_… or whpk_…, one a line; - reads stdin.")
    ] = None,
    register: Annotated[
        bool, typer.Option("--register", help="Make a webhook for as long as this listens.")
    ] = False,
    reached_at: Annotated[
        str | None, typer.Option(metavar="URL", help="With --register: how the gateway comes here.")
    ] = None,
    types: typed.Types = None,
    url: options.Url = None,
    data: options.Data = None,
    as_json: options.Json = False,
) -> None:
    """Receive events here, verify each, and print it; what does not verify is refused."""
    if register is (secret_file is not None):
        raise Failure("it takes a secret to verify by", BY_WHICH)

    async def stay() -> None:
        async with AsyncExitStack() as ends:
            here = await ends.enter_async_context(receiver(host, port))
            _say(f"listening on http://{host}:{here.port}/ until Ctrl-C")
            if secret_file is not None:
                here.trust(Verifier(held_by(str(secret_file)).split()))
            else:
                at = reached_at or _own_address(host, here.port)
                wish: dict[str, JsonValue] = {"url": at, "types": list(types or ())}
                made = await ends.enter_async_context(_registered(here, wish, url=url, data=data))
                _say(f"webhook {made.name} sends here: {made.id}")
            async with aclosing(here.arrivals()) as arrivals:
                async for arrival in arrivals:
                    _show(arrival, as_json=as_json)

    run(stay())


def _say(text: str) -> None:
    console(to_stderr=True).print(printable(text), markup=False)


def _own_address(host: str, port: int) -> str:
    here = HERE if host in {"0.0.0.0", "::"} else host  # noqa: S104  it is asked about, not opened
    return f"http://{f'[{here}]' if ':' in here else here}:{port}/"


@asynccontextmanager
async def _registered(
    here: Receiver, wish: dict[str, JsonValue], *, url: str | None, data: Path | None
) -> AsyncGenerator[KeyedWebhook]:
    """Have a webhook that sends here, and remove it at the end.

    One that a listener left behind, which was killed, is removed first.
    """
    async with api(url, data) as gateway:
        _check_reach(str(gateway.wire.http.base_url), str(wish["url"]))
        webhooks = Webhooks(gateway.wire)
        name = f"yard-listen-{here.port}"
        for left in await webhooks.all():
            if (left.name, left.url) == (name, wish["url"]):
                await webhooks.remove(left.id)
        made = await _made(webhooks, {"name": name, "in_order": True, **wish})
        try:
            here.trust(Verifier([made.secret or ""]))
            yield made
        finally:
            await _remove(webhooks, made)


async def _remove(webhooks: Webhooks, made: KeyedWebhook) -> None:
    try:
        await webhooks.remove(made.id)
    except (Failure, httpx.TransportError):
        left = f"webhook {made.name} could not be removed"
        show_warning(Failure(left, f"./yard webhooks remove {made.name}"))


async def _made(webhooks: Webhooks, wish: dict[str, JsonValue]) -> KeyedWebhook:
    try:
        return await webhooks.create(wish, key=new_id("request"))
    except Failure as refusal:
        of_url = [detail for detail in refusal.details if detail.startswith("/url")]
        if not of_url or CLOSED in of_url[0]:
            raise
        raise Failure(refusal.reason, OPEN_LOOPBACK, details=refusal.details) from refusal


def _check_reach(gateway: str, target: str) -> None:
    """Refuse what cannot work: a gateway elsewhere would send to its own machine."""
    if _is_here(target) and not _is_here(gateway):
        raise Failure(
            f"the gateway at {gateway} cannot send to {target}, which is its own machine",
            "say how it comes here: --host ADDRESS --reached-at URL",
        )


def _is_here(url: str) -> bool:
    host = urlsplit(url).hostname or ""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _show(arrival: Arrival, *, as_json: bool) -> None:
    out = console()
    if arrival.refused:
        _say(f"refused (401): {arrival.refused}")
        return
    attempt = arrival.headers.get("webhook-attempt", "1")
    again = "" if attempt == "1" else f"  (attempt {attempt})"
    try:
        event = Event.model_validate_json(arrival.body)
    except ValidationError:  # in a chat's shape
        text = arrival.body.decode(errors="replace")
        out.print(printable(f"{text[:CUT]}{again}"), markup=False)
        return
    if as_json:
        show_json(event)
    else:
        shown = "  (example)" if event.model_extra and event.model_extra.get("example") else ""
        out.print(line_of(event).append(f"{shown}{printable(again)}"))
