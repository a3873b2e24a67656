"""``yard setup``: the Python environment; ``yard setup proxmox``: commands for your Proxmox."""

from typing import Annotated, Literal

import typer
from pydantic import ValidationError

from common.contracts.networks import Network
from yard_cli.failure import Failure
from yard_cli.proxmox_script import Choices, script
from yard_cli.render import console

app = typer.Typer(
    name="setup", help="Make the Python environment, or prepare a Proxmox.", no_args_is_help=False
)


@app.callback(invoke_without_command=True)
def setup(
    context: typer.Context,
    dev: bool = typer.Option(False, "--dev", help="With the tools of development."),
) -> None:
    """Make the Python environment; ``./yard`` has done so before it came here."""
    if context.invoked_subcommand is None:
        console().print(
            "the Python environment is ready" + (" (with development tools)" if dev else "")
        )


Pve = Annotated[Literal["8", "9"], typer.Option("--pve", help="Its major release.")]
VMId = Annotated[int, typer.Option("--template-id", min=100, max=999_999_999)]


@app.command()
def proxmox(  # noqa: PLR0913, PLR0917  one option each
    pve: Pve = "9",
    user: Annotated[str, typer.Option(help="The user the token belongs to.")] = "spawnyard@pve",
    token_name: Annotated[str, typer.Option("--token", help="The token's name.")] = "yard",  # noqa: S107  a name
    pool: Annotated[str, typer.Option(help="The pool of our VMs.")] = "spawnyard",
    template_id: VMId = 9000,
    storage: Annotated[str, typer.Option(help="Where disks lie.")] = "local-lvm",
    bridge: Annotated[str, typer.Option(help="Where guests are attached.")] = "vmbr0",
    subnet: Annotated[str, typer.Option(help="The guests' network.")] = "10.77.0.0/16",
    gateway: Annotated[str, typer.Option(help="The guests' gateway.")] = "10.77.0.1",
) -> None:
    """Print the commands that make role, user, token, pool and template on a Proxmox node."""
    try:
        network = Network.model_validate({"bridge": bridge, "subnet": subnet, "gateway": gateway})
        choices = Choices(
            major=int(pve), user=user, token=token_name, pool=pool, template_id=template_id,
            storage=storage, network=network,
        )  # fmt: skip
        typer.echo(script(choices), nl=False)
    except ValidationError as error:
        wrong = [f"{'.'.join(map(str, one['loc']))}: {one['msg']}" for one in error.errors()]
        raise Failure(
            "that cannot be", "see: ./yard setup proxmox --help", details=wrong
        ) from error
