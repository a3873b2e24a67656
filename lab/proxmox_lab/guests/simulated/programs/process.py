"""Runs programs of the guest: the serving ones on real sockets, the others in name alone."""

import asyncio
import posixpath
from collections.abc import Callable, Mapping
from typing import Protocol

from proxmox_lab.guests.simulated.model.files import Kind, Node
from proxmox_lab.guests.simulated.programs.a2s import A2SAnswers
from proxmox_lab.guests.simulated.programs.datagrams import FACT, Datagrams
from proxmox_lab.guests.simulated.programs.luanti import LuantiAnswers
from proxmox_lab.guests.simulated.programs.minecraft import MinecraftAnswers
from proxmox_lab.guests.simulated.programs.order import Order, ProgramFailed
from proxmox_lab.guests.simulated.programs.preparation import port_of, prepare, say_ready
from proxmox_lab.guests.simulated.programs.raknet import RakNetAnswers
from proxmox_lab.guests.simulated.programs.rcon import RconAnswers, SilentAnswers
from proxmox_lab.guests.simulated.programs.running import Process
from proxmox_lab.guests.simulated.programs.satisfactory import SatisfactoryAnswers
from proxmox_lab.guests.simulated.programs.settings import Settings
from proxmox_lab.guests.simulated.programs.table import ServingProgram, Socket, program_named
from proxmox_lab.guests.simulated.programs.teeworlds import TeeworldsAnswers


class StreamAnswers(Protocol):
    """Serves connections, one call each."""

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer one caller until it has heard enough."""


DATAGRAM_ANSWERS: Mapping[str, Callable[[Settings], asyncio.DatagramProtocol]] = {
    "a2s": A2SAnswers,
    "luanti": LuantiAnswers,
    "raknet": RakNetAnswers,
    "satisfactory": SatisfactoryAnswers,
    "silent": Datagrams,
    "teeworlds": TeeworldsAnswers,
}
STREAM_ANSWERS: Mapping[str, Callable[[Settings], StreamAnswers]] = {
    "minecraft": MinecraftAnswers,
    "rcon": RconAnswers,
    "silent": SilentAnswers,
}
PATH = ("/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/usr/games")
ENDS_AT_ONCE = {"true": 0, "false": 1}
NOT_FOUND, NOT_EXECUTABLE = 127, 126


async def launch(order: Order, *, pid: int) -> Process:
    """Run the program, or raise ``ProgramFailed`` with its exit code and words."""
    argv, owner = order.argv, order.actor.name
    node = _binary(order, argv[0])
    if not node.mode & 0o111:
        raise ProgramFailed(f"{argv[0]}: Permission denied", code=NOT_EXECUTABLE)
    if node.program in ENDS_AT_ONCE:
        raise ProgramFailed(f"{argv[0]} ended", code=ENDS_AT_ONCE[node.program])
    program = program_named(node.program, posixpath.basename(argv[0]))
    if program is None:
        return Process(pid=pid, argv=argv, owner=owner, log=order.log)
    settings, port = prepare(order, program)
    process = Process(pid=pid, argv=argv, owner=owner, farewell=program.farewell, log=order.log)
    process.rcon_password = settings.get(f"{FACT}rcon_password", "")
    sockets = (
        (program, port),
        *((s, port_of(s, order, settings)) for s in _wanted(program, settings)),
    )
    try:
        for socket, number in sockets:
            process.sockets += ((socket.transport, number),)
            process.closers += (await _open(order, socket, settings=settings, port=number),)
    except ProgramFailed:
        process.close()
        raise
    say_ready(order, program, settings=settings, port=port)
    return process


def _wanted(program: ServingProgram, settings: Settings) -> list[Socket]:
    return [socket for socket in program.also if not socket.needs or settings.get(socket.needs)]


def _binary(order: Order, path: str) -> Node:
    candidates = [path] if "/" in path else [f"{folder}/{path}" for folder in PATH]
    for candidate in candidates:
        node = order.files.find(order.path(candidate))
        if node is not None and node.kind is Kind.FILE:
            return node
    raise ProgramFailed(f"{path}: No such file or directory", code=NOT_FOUND)


async def _open(
    order: Order, socket: Socket, *, settings: Settings, port: int
) -> Callable[[], None]:
    speaks = all(settings.get(name) == value for name, value in socket.speaks_with.items())
    protocol = socket.protocol if speaks else "silent"
    try:
        if socket.transport == "udp":
            answers = DATAGRAM_ANSWERS[protocol]
            transport, _ = await asyncio.get_running_loop().create_datagram_endpoint(
                lambda: answers(settings), local_addr=(order.address, port)
            )
            return transport.close
        serve = STREAM_ANSWERS[protocol](settings).serve
        server = await asyncio.start_server(serve, order.address, port)
    except (OSError, OverflowError) as error:
        raise ProgramFailed(f"could not bind to port {port}: {error}") from error
    return server.close
