"""Commands around game servers: the playbooks' own scripts, and what servers do besides serving."""

import json
import posixpath
from collections.abc import Mapping

from proxmox_lab.guests.simulated.model.actor import demand_read, demand_write
from proxmox_lab.guests.simulated.model.files import Kind, Node
from proxmox_lab.guests.simulated.shell.session import Command, Outcome, Session, failed, said


async def game_farewell(words: list[str], session: Session) -> Outcome:
    """The playbooks' own script: its line goes into the console; nothing here needs a wait."""
    if len(words) > 1:
        path = session.path(words[1])
        demand_write(session.machine.files, path, actor=session.actor)
        node = session.machine.files.get(path)
        session.machine.files.write(path, f"{words[2]}\n".encode(), template=node)
    return Outcome()


async def game_rcon(words: list[str], session: Session) -> Outcome:
    """The playbooks' client of remote consoles: who holds the port hears the lines."""
    path = session.path(words[1])
    demand_read(session.machine.files, path, actor=session.actor)
    known = json.loads(session.machine.files.text(path))
    there = [p for p in session.machine.processes.values() if ("tcp", known["port"]) in p.sockets]
    if not there:
        return failed("game-rcon: [Errno 111] Connection refused")
    if known["password"] != there[0].rcon_password:
        return failed("game-rcon: the console does not know the password")
    for line in words[2:]:
        there[0].hear(line)
    return said("".join(f"(simulated) {line}\n" for line in words[2:]))


async def factorio(words: list[str], session: Session) -> Outcome:
    """``factorio --create SAVE``: a first map; serving is a unit's."""
    if len(words) != 3 or words[1] != "--create":
        return failed(f"the simulated guest does not model {' '.join(words)[:200]}", code=127)
    files, path, owner = session.machine.files, session.path(words[2]), session.actor.name
    demand_write(files, path, actor=session.actor)
    files.get(posixpath.dirname(path))
    node = Node(kind=Kind.FILE, mode=0o644, owner=owner, group=owner)
    files.write(path, b"a simulated map", template=node)
    return said("   0.100 Creating new map (simulated)")


GAME_COMMANDS: Mapping[str, Command] = {
    "game-farewell": game_farewell,
    "game-rcon": game_rcon,
    "factorio": factorio,
}
