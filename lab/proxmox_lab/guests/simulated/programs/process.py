"""Runs programs of the guest: the serving ones on real sockets, the others in name alone."""

import asyncio
from collections.abc import Callable, Mapping

from proxmox_lab.guests.simulated.model.files import Kind, Node
from proxmox_lab.guests.simulated.programs.luanti import LuantiAnswers
from proxmox_lab.guests.simulated.programs.minecraft import MinecraftAnswers
from proxmox_lab.guests.simulated.programs.order import Order, Process, ProgramFailed
from proxmox_lab.guests.simulated.programs.preparation import prepare, say_ready
from proxmox_lab.guests.simulated.programs.settings import Settings
from proxmox_lab.guests.simulated.programs.table import ServingProgram, serving_programs
from proxmox_lab.guests.simulated.programs.teeworlds import TeeworldsAnswers

DATAGRAM_ANSWERS: Mapping[str, Callable[[Settings], asyncio.DatagramProtocol]] = {
    "luanti": LuantiAnswers,
    "teeworlds": TeeworldsAnswers,
}
STREAM_ANSWERS: Mapping[str, Callable[[Settings], MinecraftAnswers]] = {
    "minecraft": MinecraftAnswers,
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
    program = serving_programs().get(node.program)
    if program is None:
        return Process(pid=pid, argv=argv, owner=owner)
    settings, port = prepare(order, program)
    close = await _open(order, program, settings=settings, port=port)
    say_ready(order, program, settings=settings, port=port)
    return Process(
        pid=pid, argv=argv, owner=owner, transport=program.transport, port=port, close=close
    )


def _binary(order: Order, path: str) -> Node:
    candidates = [path] if "/" in path else [f"{folder}/{path}" for folder in PATH]
    for candidate in candidates:
        node = order.files.find(order.path(candidate))
        if node is not None and node.kind is Kind.FILE:
            return node
    raise ProgramFailed(f"{path}: No such file or directory", code=NOT_FOUND)


async def _open(
    order: Order, program: ServingProgram, *, settings: Settings, port: int
) -> Callable[[], None]:
    try:
        if program.protocol in DATAGRAM_ANSWERS:
            answers = DATAGRAM_ANSWERS[program.protocol]
            transport, _ = await asyncio.get_running_loop().create_datagram_endpoint(
                lambda: answers(settings), local_addr=(order.address, port)
            )
            return transport.close
        serve = STREAM_ANSWERS[program.protocol](settings).serve
        server = await asyncio.start_server(serve, order.address, port)
    except (OSError, OverflowError) as error:
        raise ProgramFailed(f"could not bind to port {port}: {error}") from error
    return server.close
