"""``yard settings hypervisor``: see, try out and store which Proxmox is used, and how."""

import json
from pathlib import Path
from typing import Annotated

import typer
from pydantic import JsonValue, TypeAdapter, ValidationError

from yard_cli.client.hypervisor import Diagnosis
from yard_cli.commands import options
from yard_cli.commands.target import api
from yard_cli.commands.values import held_by
from yard_cli.failure import Failure
from yard_cli.interrupts import run
from yard_cli.render import console, show_json
from yard_cli.show.findings import print_findings

app = typer.Typer(name="settings", help="What administrators set.", no_args_is_help=True)
hypervisor = typer.Typer(name="hypervisor", help="Which Proxmox is used.", no_args_is_help=True)
app.add_typer(hypervisor)

SettingsFile = Annotated[
    str, typer.Option("--file", help="The settings in JSON, as `show --json` prints them; or -.")
]
SecretFile = Annotated[
    str | None,
    typer.Option("--secret-file", help="A file that holds the token's secret; or -."),
]
CaFile = Annotated[
    Path | None, typer.Option("--ca-file", help="The CA that signed Proxmox's certificate, PEM.")
]

_objects: TypeAdapter[dict[str, JsonValue]] = TypeAdapter(dict[str, JsonValue])


@hypervisor.command()
def show(url: options.Url = None, data: options.Data = None, as_json: options.Json = False) -> None:
    """Show the settings in force; the token's secret is never shown."""

    async def ask() -> None:
        async with api(url, data) as gateway:
            found = await gateway.hypervisor()
        if as_json:
            show_json(found)
            return
        out = console()
        out.print(f"source: {found.source}, revision {found.revision}")
        out.print(json.dumps(found.settings, indent=2), markup=False)

    run(ask())


@hypervisor.command("set")
def set_settings(
    file: SettingsFile,
    secret_file: SecretFile = None,
    ca_file: CaFile = None,
    force: Annotated[bool, typer.Option("--force", help="Even if their test fails.")] = False,
    url: options.Url = None,
    data: options.Data = None,
) -> None:
    """Test settings and store them if they pass; they count at once. Without a secret, it stays."""
    wanted = wish(file, secret_file, ca_file)

    async def put() -> None:
        async with api(url, data) as gateway:
            stored = await gateway.set_hypervisor(wanted, force=force)
        if stored.diagnosis is not None:
            print_findings(stored.diagnosis.findings, out=console())
        console().print(f"stored as revision {stored.revision}, and in use")

    run(put())


@hypervisor.command("test")
def try_settings(
    file: Annotated[
        str | None, typer.Option("--file", help="Settings to try; default: those in force.")
    ] = None,
    secret_file: SecretFile = None,
    ca_file: CaFile = None,
    url: options.Url = None,
    data: options.Data = None,
    as_json: options.Json = False,
) -> None:
    """Try settings out without storing them; exit 1 if something is wrong."""
    wanted = wish(file, secret_file, ca_file) if file else None

    async def ask() -> Diagnosis:
        async with api(url, data) as gateway:
            return await gateway.test_hypervisor(wanted)

    found = run(ask())
    if as_json:
        show_json(found)
    else:
        print_findings(found.findings, out=console())
    if not found.healthy:
        raise typer.Exit(1)


def wish(file: str, secret_file: str | None, ca_file: Path | None) -> dict[str, JsonValue]:
    """Put together what is sent, from a file that ``show --json`` or a person wrote."""
    if file == secret_file == "-":
        raise Failure("standard input can be only one of them", "name a file for the other")
    try:
        wanted = _objects.validate_json(held_by(file))
    except ValidationError as error:
        raise Failure(f"{file} is not one JSON object", "see: ./yard setup proxmox") from error
    inner = wanted.get("settings")
    wanted = dict(inner) if isinstance(inner, dict) else wanted
    if "token_secret" in wanted and wanted.pop("token_secret") not in ("set", None):
        raise Failure(
            "the token's secret does not belong into that file",
            "put it into one of its own: --secret-file FILE (or -)",
        )
    if secret_file is not None:
        wanted["token_secret"] = held_by(secret_file).strip()
    if ca_file is not None:
        wanted["ca_pem"] = held_by(str(ca_file))
    return wanted
