"""Options that several commands share."""

from pathlib import Path
from typing import Annotated

import typer

from yard_cli.stack.ports import DEFAULT_BASE

Json = Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")]
Data = Annotated[
    Path | None,
    typer.Option("--data", help="Data folder of the embedded stack.", show_default="./data"),
]
Url = Annotated[
    str | None, typer.Option("--url", help="Gateway to speak to.", show_default="the local stack")
]
Follow = Annotated[
    bool, typer.Option("--follow", "-f", help="Stay, show the log, end with its outcome.")
]
Server = Annotated[str, typer.Argument(help="Its name, or its id, or the id's beginning.")]
SetFiles = Annotated[
    list[str] | None,
    typer.Option(
        "--set-file",
        metavar="KEY=FILE",
        help="A setting whose value a file holds, or standard input (-): for secrets.",
    ),
]
PortBase = Annotated[
    int,
    typer.Option(
        "--port-base",
        help="First of six ports in a row (with stand-ins seven).",
        min=1024,
        max=65_530,
    ),
]
PORT_BASE = DEFAULT_BASE
Vm = Annotated[
    bool,
    typer.Option(
        "--vm",
        help="Real virtual machines, by QEMU; what is missing: ./yard lab template --check.",
    ),
]
