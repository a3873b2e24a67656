"""The programs table: which binaries serve, on which port, read from which settings."""

from collections.abc import Mapping
from functools import cache

from pydantic import BaseModel, TypeAdapter

from proxmox_lab.guests.simulated.data_files import table


class SettingsSource(BaseModel, frozen=True, extra="forbid"):
    """Where a program reads its configuration."""

    option: str
    default: str
    syntax: str
    below_working_directory: bool = False


class Consent(BaseModel, frozen=True, extra="forbid"):
    """A setting without which the program refuses to run."""

    path: str
    setting: str
    value: str
    refusal: str


class ServingProgram(BaseModel, frozen=True, extra="forbid"):
    """One program that listens."""

    protocol: str
    transport: str
    port: int
    port_setting: str
    port_option: str = ""
    archive_option: str = ""
    settings: SettingsSource
    consent: Consent | None = None
    writes: Mapping[str, str] = {}
    log: str = ""
    log_option: str = ""
    ready: str = ""


@cache
def serving_programs() -> Mapping[str, ServingProgram]:
    """The table by program name."""
    return TypeAdapter(dict[str, ServingProgram]).validate_python(table("programs.yml"))
