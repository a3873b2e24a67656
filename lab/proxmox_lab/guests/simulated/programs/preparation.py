"""What a serving program does before it listens: it reads, checks and writes its files."""

import re

from proxmox_lab.guests.simulated.programs.minecraft import VERSION
from proxmox_lab.guests.simulated.programs.order import Order, ProgramFailed
from proxmox_lab.guests.simulated.programs.settings import (
    SYNTAXES,
    Settings,
    number,
    properties,
)
from proxmox_lab.guests.simulated.programs.table import ServingProgram

NUMBERS = re.compile(r"\d+(\.\d+)+")


def prepare(order: Order, program: ServingProgram) -> tuple[Settings, int]:
    """The settings in force and the port to open; raises ``ProgramFailed``."""
    _demand_archive(order, program)
    for name, content in program.writes.items():
        order.write_default(order.path(name), content)
    _demand_consent(order, program)
    settings = _settings(order, program)
    if found := NUMBERS.search(order.option(program.archive_option)):
        settings[VERSION] = f"{found[0]} (simulated)"
    given = order.option(program.port_option)
    port = int(given) if given.isdigit() else number(settings, program.port_setting, program.port)
    return settings, port


def say_ready(order: Order, program: ServingProgram, *, settings: Settings, port: int) -> None:
    """Write the program's ready line to the journal and to its log file."""
    line = program.ready.format_map(_Known(settings, port=str(port)))
    order.log(line)
    name = order.option(program.log_option) or program.log
    if name:
        path = order.path(name)
        order.write_default(path, "")
        data = order.files.read(path) + line.encode() + b"\n"
        order.files.write(path, data, template=order.files.get(path))


class _Known(dict[str, str]):
    """Settings for a text; one that is not set is empty."""

    def __missing__(self, key: str) -> str:
        return ""


def _settings(order: Order, program: ServingProgram) -> Settings:
    source = program.settings
    name = order.option(source.option) or source.default
    if not name:
        return {}
    path = f"{order.cwd}/{name}" if source.below_working_directory else order.path(name)
    return SYNTAXES[source.syntax](order.text(path))


def _demand_archive(order: Order, program: ServingProgram) -> None:
    if not program.archive_option:
        return
    archive = order.option(program.archive_option)
    if not archive or not order.readable(order.path(archive)):
        raise ProgramFailed(f"Error: Unable to access jarfile {archive}")


def _demand_consent(order: Order, program: ServingProgram) -> None:
    consent = program.consent
    if consent is None:
        return
    path = order.path(consent.path)
    if properties(order.text(path)).get(consent.setting, "").lower() != consent.value:
        order.write_default(path, f"{consent.setting}=false\n")
        # the game leaves with 0: to systemd that is no failure
        raise ProgramFailed(consent.refusal, code=0)
