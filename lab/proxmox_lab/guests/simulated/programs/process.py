"""Processes of the guest: from a command line to something that runs, listens, or has failed."""

import asyncio
import posixpath
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from proxmox_lab.guests.simulated.model.files import FileTree, Kind, Node
from proxmox_lab.guests.simulated.programs.luanti import LuantiAnswers
from proxmox_lab.guests.simulated.programs.minecraft import MinecraftAnswers
from proxmox_lab.guests.simulated.programs.settings import SYNTAXES, Settings, number
from proxmox_lab.guests.simulated.programs.table import ServingProgram, serving_programs
from proxmox_lab.guests.simulated.programs.teeworlds import TeeworldsAnswers

DATAGRAM_ANSWERS: Mapping[str, Callable[[Settings], asyncio.DatagramProtocol]] = {
    "luanti": LuantiAnswers,
    "teeworlds": TeeworldsAnswers,
}
SHELLS = ("/bin/sh", "/usr/bin/sh", "/bin/bash", "/usr/bin/bash", "/usr/bin/dash")
NOT_FOUND, NOT_EXECUTABLE = 127, 126


class ProgramFailed(Exception):
    """The program ended at once; the text is what it wrote."""

    def __init__(self, text: str, *, code: int = 1) -> None:
        """Keep the exit code beside the text."""
        super().__init__(text)
        self.code = code


@dataclass(frozen=True, slots=True, kw_only=True)
class Launch:
    """A command line with all that surrounds it."""

    argv: tuple[str, ...]
    cwd: str
    owner: str
    files: FileTree
    address: str  # the guest's own loopback address
    log: Callable[[str], None]


@dataclass(slots=True, kw_only=True)
class Process:
    """Something that runs; ``port`` is 0 for a program that does not listen."""

    pid: int
    argv: tuple[str, ...]
    owner: str
    transport: str = ""
    port: int = 0
    close: Callable[[], None] = field(default=lambda: None)


async def launch(order: Launch, *, pid: int) -> Process:
    """Run the program, or raise ``ProgramFailed`` with its exit code and words."""
    argv = order.argv
    node = _binary(order, argv[0])
    if not node.mode & 0o111:
        raise ProgramFailed(f"{argv[0]}: Permission denied", code=NOT_EXECUTABLE)
    program = serving_programs().get(node.program)
    if program is None:
        return Process(pid=pid, argv=argv, owner=order.owner)
    settings, port = _prepare(order, program)
    close = await _open(order, program, settings=settings, port=port)
    if program.ready:
        _append_log(order, program)
    return Process(
        pid=pid, argv=argv, owner=order.owner, transport=program.transport, port=port, close=close
    )


def _binary(order: Launch, path: str) -> Node:
    candidates = [path] if "/" in path else [f"{folder}/{path}" for folder in PATH]
    for candidate in candidates:
        node = order.files.find(posixpath.join(order.cwd, candidate))
        if node is not None and node.kind is Kind.FILE:
            return node
    raise ProgramFailed(f"{path}: No such file or directory", code=NOT_FOUND)


PATH = ("/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/usr/games")


def _prepare(order: Launch, program: ServingProgram) -> tuple[Settings, int]:
    """Read what the program reads before it listens."""
    _demand_archive(order, program)
    for name, content in program.writes.items():
        _write_default(order, posixpath.join(order.cwd, name), content)
    _demand_consent(order, program)
    source = program.settings
    named = _option(order.argv, source.option) or source.default
    path = (
        order.cwd + "/" + named
        if source.below_working_directory
        else posixpath.join(order.cwd, named)
    )
    settings = SYNTAXES[source.syntax](order.files.text(path)) if named else {}
    given = _option(order.argv, program.port_option)
    port = int(given) if given.isdigit() else number(settings, program.port_setting, program.port)
    return settings, port


def _demand_archive(order: Launch, program: ServingProgram) -> None:
    archive = _option(order.argv, program.archive_option)
    if not program.archive_option:
        return
    if not archive or order.files.find(posixpath.join(order.cwd, archive)) is None:
        raise ProgramFailed(f"Error: Unable to access jarfile {archive}")


def _demand_consent(order: Launch, program: ServingProgram) -> None:
    consent = program.consent
    if consent is None:
        return
    path = posixpath.join(order.cwd, consent.path)
    settings = SYNTAXES["assignments"](order.files.text(path))
    if settings.get(consent.setting, "").lower() != consent.value:
        _write_default(order, path, f"{consent.setting}=false\n")
        text = "You need to agree to the EULA in order to run the server. Go to eula.txt for more info."
        raise ProgramFailed(text, code=0)


def _write_default(order: Launch, path: str, content: str) -> None:
    if order.files.find(path) is None:
        order.files.make_directories(posixpath.dirname(path), owner=order.owner)
        node = Node(kind=Kind.FILE, mode=0o644, owner=order.owner, group=order.owner)
        order.files.write(path, content.encode(), template=node)


def _option(argv: tuple[str, ...], option: str) -> str:
    """The value behind an option, as ``--port 1`` or ``--port=1``."""
    if not option:
        return ""
    for place, word in enumerate(argv):
        if word == option and place + 1 < len(argv):
            return argv[place + 1]
        if word.startswith(f"{option}="):
            return word.partition("=")[2]
    return ""


async def _open(
    order: Launch, program: ServingProgram, *, settings: Settings, port: int
) -> Callable[[], None]:
    loop = asyncio.get_running_loop()
    try:
        if program.transport == "udp":
            answers = DATAGRAM_ANSWERS[program.protocol]
            transport, _ = await loop.create_datagram_endpoint(
                lambda: answers(settings), local_addr=(order.address, port)
            )
            return transport.close
        server = await asyncio.start_server(MinecraftAnswers(settings).serve, order.address, port)
    except OSError as error:
        text = f"could not bind to port {port}: {error.strerror}"
        raise ProgramFailed(text) from error
    return server.close


def _append_log(order: Launch, program: ServingProgram) -> None:
    path = posixpath.join(order.cwd, program.log)
    _write_default(order, path, "")
    node = order.files.get(path)
    order.files.write(path, order.files.read(path) + program.ready.encode() + b"\n", template=node)
    order.log(program.ready)
