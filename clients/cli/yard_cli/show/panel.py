"""What a user needs once things run: addresses, credentials, what to try next."""

from collections.abc import Sequence
from typing import Final

from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from yard_cli.client.models import Operation, Server
from yard_cli.render import printable, seconds
from yard_cli.settings import ROOT
from yard_cli.stack import webhooks
from yard_cli.stack.folder import kind_options
from yard_cli.stack.plan import Site
from yard_cli.stack.stand_ins import NAME as STAND_INS

_DATA: Final = ROOT / "data"
USUAL: Final = (_DATA, _DATA / "vm", _DATA / STAND_INS, _DATA / "vm" / STAND_INS)


def where_to_go(site: Site) -> Panel:
    """Tell where everything is, and as whom to come in."""
    return Panel(_rows(_places(site)), title="Spawnyard is up", border_style="green", expand=False)


def it_runs(site: Site, server: Server, operation: Operation, *, stays: bool) -> Panel:
    """Tell how to join the server just deployed, and everything else."""
    kind = kind_options(guests=site.guests, stand_ins=site.stand_ins)
    again = (("try next", f"./yard up{kind}{_where(site)}   (the server is still there)"),)
    rows = [
        ("server", f"{server.name} ({server.game})"),
        ("address", server.host or "unknown"),
        ("connect", server.connect or "unknown"),
        ("ready after", seconds(operation.seconds)),
        ("", ""),
        *_places(site),
        ("", ""),
        *(_next(site, server) if stays else again),
    ]
    title = f"{server.name} is running"
    return Panel(_rows(rows), title=title, border_style="green", expand=False)


def _places(site: Site) -> Sequence[tuple[str, str]]:
    gateway = site.ports.url("gateway")
    return (
        ("API", f"{gateway}/v1"),
        ("described in", f"{gateway}/openapi.json"),
        ("health", f"{gateway}/readyz"),
        ("status", f"./yard status{_where(site)}"),
        ("lab", f"{site.ports.url('lab')}   (plays Proxmox, guests {site.guests})"),
        ("user", site.secrets.username),
        ("password", site.secrets.password),
        ("data, logs", str(site.folder.path)),
        ("webhooks", f"may go to {_inner_networks(site)}   (./yard webhooks listen --register)"),
    )


def _inner_networks(site: Site) -> str:
    return webhooks.told(site.ports)["WEBHOOK_ALLOW_CIDRS"] or "no inner network"


def _next(site: Site, server: Server) -> Sequence[tuple[str, str]]:
    where = _where(site)
    return (
        ("try next", f"./yard servers{where}"),
        ("", f"./yard logs {server.name}{where}"),
        ("", f"./yard games {server.game}{where}"),
        ("", f"./yard delete -f {server.name}{where}"),
    )


def _where(site: Site) -> str:
    """Say which data folder is meant, where it is not the usual one."""
    return "" if site.folder.path in USUAL else f" --data {site.folder.path}"


def _rows(rows: Sequence[tuple[str, str]]) -> Table:
    table = Table.grid(padding=(0, 2))
    for name, value in rows:
        table.add_row(Text(name, style="bright_black"), Text(printable(value), overflow="fold"))
    return table
