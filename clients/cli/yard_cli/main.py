"""The ``yard`` command, put together."""

import sys
from collections.abc import Callable, Mapping
from typing import Any, Final

import typer
from typer.core import TyperGroup

from yard_cli.commands import (
    account,
    bench,
    demo,
    doctor,
    events,
    games,
    labels,
    lifecycle,
    operations,
    orphans,
    servers,
    settings,
    setup,
    stack,
    status,
    templates,
    webhooks,
)
from yard_cli.failure import Failure
from yard_cli.render import show_failure

PASSES_ON: Final[dict[str, Any]] = {
    "allow_extra_args": True,
    "ignore_unknown_options": True,
    "help_option_names": [],
}
PASSING_ON: Final = (stack.lab, stack.run_tests)

# What ``yard --help`` shows, panel by panel.
PANELS: Final[Mapping[str, Mapping[str, Callable[..., None] | typer.Typer]]] = {
    "On this machine": {
        "demo": demo.demo,
        "up": stack.up,
        "status": status.status,
        "lab": stack.lab,
    },
    "Servers": {
        "games": games.app,
        "deploy": servers.deploy,
        "servers": servers.servers,
        **{verb: lifecycle.power(verb) for verb in lifecycle.VERBS},
        "restart": lifecycle.restart,
        "set": lifecycle.set_settings,
        "update": lifecycle.update,
        "resize": lifecycle.resize,
        "rename": lifecycle.rename,
        "label": labels.label,
        "delete": lifecycle.delete,
    },
    "What is being done": {
        "operations": operations.operations,
        "events": events.events,
        "webhooks": webhooks.app,
        "logs": operations.logs,
        "cancel": operations.cancel,
    },
    "A gateway elsewhere": {"login": account.login},
    "For administrators": {
        "doctor": doctor.doctor,
        "settings": settings.app,
        "template": templates.app,
        "orphans": orphans.orphans,
    },
    "The project": {"setup": setup.app, "test": stack.run_tests, "bench": bench.bench},
}
LONGER: Final[Mapping[str, str]] = {"bench": bench.HELP}


class InOrder(TyperGroup):
    """Lists commands and groups as they stand in the panels, not groups last."""

    def list_commands(self, ctx: Any) -> list[str]:  # noqa: ANN401, ARG002  typer hides its type
        """Return their names."""
        return [name for commands in PANELS.values() for name in commands]


def command_line() -> typer.Typer:
    """Return the command line."""
    app = typer.Typer(
        name="yard",
        cls=InOrder,
        help="Game servers on request: one command, one VM, every step live.",
        no_args_is_help=True,
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    for panel, commands in PANELS.items():
        for name, command in commands.items():
            if isinstance(command, typer.Typer):
                app.add_typer(command, name=name, rich_help_panel=panel)
                continue
            options = PASSES_ON if command in PASSING_ON else None
            told = LONGER.get(name)
            app.command(name, help=told, rich_help_panel=panel, context_settings=options)(command)
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
