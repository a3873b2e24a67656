"""The table of Steam's apps: what the modelled steamcmd installs."""

from collections.abc import Mapping
from functools import cache

from pydantic import BaseModel, TypeAdapter

from proxmox_lab.guests.simulated.data_files import table
from proxmox_lab.guests.simulated.model.catalogue import NodeSpec


class App(BaseModel, frozen=True, extra="forbid"):
    """One app: its build, and its files by their path below the installation."""

    name: str
    build: str
    files: Mapping[str, NodeSpec]
    transient: bool = False


@cache
def apps() -> Mapping[str, App]:
    """The apps by their number, which is a text on the command line."""
    rows = TypeAdapter(dict[int, App]).validate_python(table("steam.yml"))
    return {str(number): app for number, app in rows.items()}
