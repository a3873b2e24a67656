"""Commands that start things on this machine: the whole stack, or the lab alone."""

import os
import sys
from pathlib import Path
from typing import Annotated

import typer

from yard_cli.commands import options
from yard_cli.commands.target import data_folder
from yard_cli.failure import Failure
from yard_cli.interrupts import run
from yard_cli.render import console, show_warning
from yard_cli.settings import ROOT, CliSettings
from yard_cli.show.panel import where_to_go
from yard_cli.show.plain import PlainShow
from yard_cli.stack.folder import DataFolder, kind_options
from yard_cli.stack.plan import Site
from yard_cli.stack.ports import Ports
from yard_cli.stack.secrets import load_or_make
from yard_cli.stack.session import running
from yard_cli.stack.stand_ins import NAME as STAND_INS
from yard_cli.stack.template import ensure_template


def site(*, data: Path | None, port_base: int, vm: bool = False, stand_ins: bool = False) -> Site:
    """Describe the installation on a data folder, making the folder if it is new."""
    folder = data_folder(data, vm=vm, stand_ins=stand_ins)
    guests = "qemu" if vm else "simulated"
    folder.make()
    if folder.may_hold_stand_ins() and not stand_ins:
        show_warning(_doubt(folder, guests))
    return Site(
        folder=folder,
        ports=Ports(port_base),
        secrets=load_or_make(folder),
        guests=guests,
        playbooks=CliSettings().playbooks.resolve(),
        stand_ins=stand_ins,
    )


def _doubt(folder: DataFolder, guests: str) -> Failure:
    safe = f"./yard up{kind_options(guests=guests, stand_ins=True)} --data {folder.path}"
    return Failure(
        f"the games' servers kept in {folder.path} may be stand-ins: an update would put the"
        " vendor's in their place, its terms accepted by nobody",
        f"{safe}   (if there are none, remove {folder.log(STAND_INS)})",
    )


def up(
    data: options.Data = None,
    port_base: options.PortBase = options.PORT_BASE,
    vm: options.Vm = False,
    stand_ins: Annotated[
        bool,
        typer.Option("--stand-ins", help="Offer stand-ins in place of the games' own downloads."),
    ] = False,
) -> None:
    """Start everything and stay until Ctrl-C.

    What it keeps is in ./data; in data/vm with --vm, in their folder
    stand-ins with --stand-ins: the kinds are never mixed.
    """
    here = site(data=data, port_base=port_base, vm=vm, stand_ins=stand_ins)
    out = console()
    show = PlainShow(out)

    async def stay() -> None:
        if vm:
            await ensure_template(show.say, java=stand_ins)
        async with running(here, tell=show.news) as stack:
            out.print(where_to_go(stack.site))
            await stack.watch()

    try:
        run(stay())
    except KeyboardInterrupt:
        out.print("stopped")


def lab(context: typer.Context) -> None:
    """Run the lab alone, which plays Proxmox; see: ./yard lab --help."""
    os.execv(sys.executable, [sys.executable, "-m", "proxmox_lab", *context.args])  # noqa: S606  our own


def run_tests(
    context: typer.Context,
    quick: bool = typer.Option(False, "--quick", help="Unit and contract tests only."),
) -> None:
    """Run the project's tests; pytest's own options follow."""
    where = ["tests/unit", "tests/contract"] if quick else ["tests"]
    named = any(not word.startswith("-") for word in context.args)
    os.chdir(ROOT)
    arguments = [*context.args] if named else [*where, *context.args]
    os.execv(sys.executable, [sys.executable, "-m", "pytest", *arguments])  # noqa: S606  our own
