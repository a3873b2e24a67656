"""What a serving program does before it listens: it reads, checks and writes its files."""

import re

from proxmox_lab.guests.simulated.programs.datagrams import FACT
from proxmox_lab.guests.simulated.programs.minecraft import VERSION
from proxmox_lab.guests.simulated.programs.order import Order, ProgramFailed
from proxmox_lab.guests.simulated.programs.settings import (
    SYNTAXES,
    Settings,
    properties,
)
from proxmox_lab.guests.simulated.programs.table import ServingProgram, Socket

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
    settings |= {
        name: order.option(option)
        for name, option in program.arguments.items()
        if order.option(option)
    }
    port = port_of(program, order, settings)
    known = _Known(settings, port=str(port))
    facts = {FACT + name: text.format_map(known) for name, text in program.facts.items()}
    return settings | {FACT + "port": str(port)} | facts, port


def port_of(socket: Socket, order: Order, settings: Settings) -> int:
    """The port to open: what the command line says, else the settings, else the usual one."""
    given = order.option(socket.port_option)
    told = settings.get(socket.port_setting, "")
    wanted = given if given.isdigit() else told
    return int(wanted) + socket.offset if wanted.isdigit() else socket.port


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


class _Options(dict[str, str]):
    """The command line for a text: ``{-name}`` is what stands behind that option."""

    def __init__(self, order: Order) -> None:
        super().__init__()
        self.order = order

    def __missing__(self, key: str) -> str:
        return self.order.option(key)


class _Known(dict[str, str]):
    """Settings for a text; one that is not set is empty."""

    def __missing__(self, key: str) -> str:
        return ""


def _settings(order: Order, program: ServingProgram) -> Settings:
    source = program.settings
    name = order.option(source.option) or source.default.format_map(_Options(order))
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
