"""The ``yard`` command, put together."""

import sys
from typing import Any, Final

import typer

from yard_cli.commands import (
    account,
    bench,
    demo,
    doctor,
    games,
    lifecycle,
    operations,
    orphans,
    servers,
    settings,
    setup,
    stack,
    status,
)
from yard_cli.failure import Failure
from yard_cli.render import show_failure

PASSES_ON: Final[dict[str, Any]] = {
    "allow_extra_args": True,
    "ignore_unknown_options": True,
    "help_option_names": [],
}


def command_line() -> typer.Typer:
    """Return the command line."""
    app = typer.Typer(
        name="yard",
        help="Game servers on request: one command, one VM, every step live.",
        no_args_is_help=True,
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    here = "On this machine"
    app.command(rich_help_panel=here)(demo.demo)
    app.command(rich_help_panel=here)(stack.up)
    app.command(rich_help_panel=here)(status.status)
    app.command(rich_help_panel=here)(doctor.doctor)
    app.command(rich_help_panel=here, context_settings=PASSES_ON)(stack.lab)
    theirs = "Servers"
    app.command(rich_help_panel=theirs)(games.games)
    app.command(rich_help_panel=theirs)(servers.deploy)
    app.command(rich_help_panel=theirs)(servers.servers)
    for verb in lifecycle.VERBS:
        app.command(verb, rich_help_panel=theirs)(lifecycle.power(verb))
    app.command(rich_help_panel=theirs)(lifecycle.restart)
    app.command("set", rich_help_panel=theirs)(lifecycle.set_settings)
    for command in (lifecycle.resize, lifecycle.rename, lifecycle.delete):
        app.command(rich_help_panel=theirs)(command)
    work = "What is being done"
    for command in (operations.operations, operations.logs, operations.cancel):
        app.command(rich_help_panel=work)(command)
    app.command(rich_help_panel="For administrators")(orphans.orphans)
    app.command(rich_help_panel="A gateway elsewhere")(account.login)
    project = "The project"
    app.command("test", rich_help_panel=project, context_settings=PASSES_ON)(stack.run_tests)
    app.command(rich_help_panel=project)(bench.bench)
    app.add_typer(setup.app, rich_help_panel=project)
    app.add_typer(settings.app, rich_help_panel="What administrators set")
    return app


def main() -> None:
    """Run the command typed; a failure is shown with its remedy, never as a traceback."""
    try:
        command_line()(prog_name="yard")
    except Failure as failure:
        show_failure(failure, as_json="--json" in sys.argv)
        sys.exit(1)
    except KeyboardInterrupt:
        sys.exit(130)
