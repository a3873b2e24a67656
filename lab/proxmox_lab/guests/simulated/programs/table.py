"""The programs table: which binaries serve, on which port, read from which settings."""

from collections.abc import Mapping
from functools import cache

from pydantic import BaseModel, TypeAdapter

from proxmox_lab.guests.simulated.data_files import table
from proxmox_lab.guests.simulated.programs.running import Farewell


class SettingsSource(BaseModel, frozen=True, extra="forbid"):
    """Where a program reads its configuration."""

    option: str = ""
    default: str = ""
    syntax: str = "words"
    below_working_directory: bool = False


class Consent(BaseModel, frozen=True, extra="forbid"):
    """A setting without which the program refuses to run."""

    path: str
    setting: str
    value: str
    refusal: str


class Socket(BaseModel, frozen=True, extra="forbid"):
    """Something to listen on: the option, else the setting, else the number tells the port."""

    protocol: str = "silent"
    transport: str
    port: int
    port_setting: str = ""
    port_option: str = ""
    needs: str = ""  # a setting without which it stays closed
    speaks_with: Mapping[str, str] = {}  # settings; with others it is open and says nothing
    offset: int = 0  # from the number that option or setting gives


class ServingProgram(Socket, frozen=True, extra="forbid"):
    """One program that listens, here by its main socket."""

    binaries: tuple[str, ...] = ()  # executables of these names are taken for it
    also: tuple[Socket, ...] = ()
    archive_option: str = ""
    settings: SettingsSource = SettingsSource()
    arguments: Mapping[str, str] = {}  # setting -> the option that gives it
    facts: Mapping[str, str] = {}  # what its protocol tells, with settings in braces
    farewell: Farewell = Farewell()
    consent: Consent | None = None
    writes: Mapping[str, str] = {}
    log: str = ""
    log_option: str = ""
    ready: str = ""


def program_named(name: str, binary: str) -> ServingProgram | None:
    """The program a file is marked as; failing that, the one its name stands for."""
    by_binary = (p for p in serving_programs().values() if binary in p.binaries)
    return serving_programs().get(name) or next(by_binary, None)


@cache
def serving_programs() -> Mapping[str, ServingProgram]:
    """The table by program name."""
    return TypeAdapter(dict[str, ServingProgram]).validate_python(table("programs.yml"))
