"""The command about VMs that no server explains: what there is, and having it removed."""

from functools import partial
from typing import Annotated

import typer

from yard_cli.client.api import Gateway
from yard_cli.client.models import Orphans
from yard_cli.commands import options
from yard_cli.commands.target import with_gateway
from yard_cli.render import console, show_json, show_table

Sweep = Annotated[bool, typer.Option("--sweep", help="Look now; show what would be removed.")]
Yes = Annotated[bool, typer.Option("--yes", help="With --sweep: and remove it.")]


def orphans(
    sweep: Sweep = False,
    yes: Yes = False,
    url: options.Url = None,
    data: options.Data = None,
    as_json: options.Json = False,
) -> None:
    """List VMs in our range that no server explains; administrators may have them removed."""
    if yes and not sweep:
        raise typer.BadParameter("it goes with --sweep", param_hint="--yes")

    found = with_gateway(url, data, partial(look, sweep=sweep, yes=yes))
    if as_json:
        show_json(found)
        return
    rows = [
        (str(one.vmid), one.node, one.verdict.replace("_", " "), one.reason, one.command or "")
        for one in found.orphans
    ]
    if rows:
        show_table(("VM", "NODE", "VERDICT", "WHY", "WHAT HELPS"), rows)
    for remark in remarks(found, asked=sweep):
        console(to_stderr=True).print(remark, style="yellow")


async def look(gateway: Gateway, *, sweep: bool, yes: bool) -> Orphans:
    """Return the last sweep's report, or that of one that is done now."""
    if not sweep:
        return await gateway.orphans()
    seen = await gateway.sweep(dry_run=True)
    if not yes:
        return seen
    # No more than what was seen is removed, whatever turns up in between.
    return await gateway.sweep(dry_run=False, cap=_as_many_as(seen) or None)


def _as_many_as(seen: Orphans) -> int:
    """Count what would be removed, with what the list has no room for if that is more of it."""
    goes_on = bool(seen.orphans) and seen.orphans[-1].verdict == "to_delete"
    return seen.deletable + (seen.more if goes_on else 0)


def remarks(found: Orphans, *, asked: bool) -> list[str]:
    """Return what the table does not say."""
    said: list[str] = []
    if found.at is None:
        said.append("the vm-service has not looked for orphans yet; sweeps come by themselves")
    elif not found.orphans:
        said.append(f"no orphans, as of {found.at:%Y-%m-%d %H:%M:%S} UTC")
    if found.more:
        said.append(f"and {found.more} more, mostly strangers")
    if found.halted:
        said.append(
            "sweeps are halted: there are more orphans than may be removed at once. Is the "
            "vm-service's database the right one? If so: ./yard orphans --sweep --yes"
        )
    elif asked and found.dry_run and found.deletable:
        said.append(f"{found.deletable} would be removed: ./yard orphans --sweep --yes")
    return said
