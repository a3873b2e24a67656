"""Commands of the guest's shell that write what they are given: dd, tee and install."""

import posixpath
from collections.abc import Mapping
from dataclasses import replace

from proxmox_lab.guests.simulated.model.actor import demand_write
from proxmox_lab.guests.simulated.model.files import Kind, Node
from proxmox_lab.guests.simulated.shell.file_commands import cp, mkdir
from proxmox_lab.guests.simulated.shell.session import Command, Input, Outcome, Session, options


async def install(words: list[str], session: Session) -> Outcome:
    """Copy one file (or make directories with -d), with mode, owner and group."""
    given, names = _install_words(words[1:])
    files, directory = session.machine.files, "d" in given
    outcome = await (mkdir if directory else cp)(
        ["", *(["-p"] if directory else []), *names], session
    )
    if outcome.code:
        return outcome
    path = session.path(names[-1])
    if not directory and files.is_directory(path):
        path = posixpath.join(path, posixpath.basename(names[0]))
    node = files.get(path)
    owner, group = given.get("o", node.owner), given.get("g", node.group)
    files.change(path, mode=int(given.get("m", "755"), 8), owner=owner, group=group)
    return outcome


INSTALL_OPTIONS = {"--mode": "m", "--owner": "o", "--group": "g", "--directory": "d"}


def _install_words(words: list[str]) -> tuple[dict[str, str], list[str]]:
    """Options by letter, and names; an unknown option is a ``ValueError``."""
    given: dict[str, str] = {}
    names: list[str] = []
    rest = iter(words)
    for word in rest:
        option, joined, value = word.partition("=")
        letter = INSTALL_OPTIONS.get(option, option[1:] if option.startswith("-") else "")
        if not letter:
            names.append(word)
        elif letter not in INSTALL_OPTIONS.values():
            message = f"install {word}"
            raise ValueError(message)
        else:
            given[letter] = value if joined or letter == "d" else next(rest)
    return given, names


async def dd(words: list[str], session: Session) -> Outcome:
    """Copy the input to ``of=``, as Ansible's piped transfer does."""
    given = {word.partition("=")[0]: word.partition("=")[2] for word in words[1:]}
    if "if" in given:
        data = session.machine.files.read(session.path(given["if"]))
    else:
        data = await session.stdin.read()
    if "of" not in given:
        return Outcome(out=data)
    return await tee(["tee", given["of"]], replace(session, stdin=Input(data)))


async def tee(words: list[str], session: Session) -> Outcome:
    """Write the input to files and on."""
    data = await session.stdin.read()
    letters, names = options(words[1:])
    files, owner = session.machine.files, session.actor.name
    for name in names:
        path = session.path(name)
        demand_write(files, path, actor=session.actor)
        mode = 0o666 & ~session.umask
        node = files.find(path) or Node(kind=Kind.FILE, mode=mode, owner=owner, group=owner)
        before = files.read(path) if "a" in letters and files.find(path) else b""
        files.write(path, before + data, template=node)
    return Outcome(out=data)


TRANSFER_COMMANDS: Mapping[str, Command] = {"install": install, "dd": dd, "tee": tee}
