"""What must be so before the stack is started; each lack is named with its remedy."""

import shutil
from typing import Final

from yard_cli.failure import Failure
from yard_cli.stack import stand_ins
from yard_cli.stack.plan import BIN, Site
from yard_setup.failure import NO_SSH

SPACE_NEEDED: Final = 200 * 1024 * 1024


def check_tools(site: Site) -> None:
    """Raise for the first program that is missing; nothing has been touched by then."""
    if shutil.which("ssh") is None:
        raise Failure(*NO_SSH)
    if not (BIN / "nats-server").exists():
        raise Failure("nats-server is missing from .venv", "remove .venv and start again")
    if site.stand_ins:
        stand_ins.check()


def check_place(site: Site) -> None:
    """Raise if a folder that is held, or the ports, would keep the stack from starting."""
    free = shutil.disk_usage(site.folder.path).free
    if free < SPACE_NEEDED:
        raise Failure(
            f"only {free // 1024**2} MB are free in {site.folder.path}; the stack needs 200 MB",
            "free some space, or name a folder on a larger disk: --data DIR",
        )
    site.ports.check(*((stand_ins.NAME,) if site.stand_ins else ()))
