"""Commands of the guest's shell that change files."""

import posixpath
from collections.abc import Mapping
from dataclasses import replace

from proxmox_lab.guests.simulated.model.actor import (
    demand_owner,
    demand_read,
    demand_remove,
    demand_write,
)
from proxmox_lab.guests.simulated.model.files import Kind, Node
from proxmox_lab.guests.simulated.model.modes import new_mode
from proxmox_lab.guests.simulated.shell.session import (
    Command,
    Outcome,
    Session,
    failed,
    options,
)


async def mkdir(words: list[str], session: Session) -> Outcome:
    """Make directories."""
    letters, names = options(words[1:])
    files, owner = session.machine.files, session.actor.name
    for name in names:
        path = session.path(name)
        if files.find(path) is not None:
            if "p" in letters:
                continue
            return failed(f"mkdir: cannot create directory '{name}': File exists")
        if "p" in letters:
            files.make_directories(
                posixpath.dirname(path), mode=0o777 & ~session.umask, owner=owner
            )
        demand_write(files, path, actor=session.actor)
        mode = 0o777 & ~session.umask
        files.put(path, Node(kind=Kind.DIRECTORY, mode=mode, owner=owner, group=owner))
    return Outcome()


async def chmod(words: list[str], session: Session) -> Outcome:
    """Change modes."""
    _, names = options(words[1:])
    files = session.machine.files
    for name in names[1:]:
        path = session.path(name)
        node = files.get(path)
        demand_owner(files, path, actor=session.actor)
        mode = new_mode(names[0], node)
        files.change(path, mode=mode, owner=node.owner, group=node.group)
    return Outcome()


async def chown(words: list[str], session: Session) -> Outcome:
    """Change owners (and groups, as ``owner:group``)."""
    letters, names = options(words[1:])
    files = session.machine.files
    owner, _, group = names[0].partition(":")
    for name in names[1:]:
        top = session.path(name)
        below: list[str] = list(files.below(top)) if "R" in letters else []
        for path in [top, *below]:
            node = files.get(path, follow=False)
            demand_owner(files, path, actor=session.actor)
            files.change(
                path,
                mode=node.mode,
                owner=owner or node.owner,
                group=group or node.group,
                follow=False,
            )
    return Outcome()


async def rm(words: list[str], session: Session) -> Outcome:
    """Remove files and directories."""
    letters, names = options(words[1:])
    files = session.machine.files
    for name in names:
        path = session.path(name)
        node = files.find(path, follow=False)
        if node is None:
            if "f" not in letters:
                return failed(f"rm: cannot remove '{name}': No such file or directory")
            continue
        if node.kind is Kind.DIRECTORY and "r" not in letters.lower():
            return failed(f"rm: cannot remove '{name}': Is a directory")
        demand_remove(files, path, actor=session.actor)
        files.remove(path)
    return Outcome()


async def mv(words: list[str], session: Session) -> Outcome:
    """Rename."""
    _, (source, target) = options(words[1:])
    files, start, end = session.machine.files, session.path(source), session.path(target)
    end = posixpath.join(end, posixpath.basename(start)) if files.is_directory(end) else end
    demand_remove(files, start, actor=session.actor)
    demand_write(files, end, actor=session.actor)
    files.move(start, end)
    return Outcome()


async def cp(words: list[str], session: Session) -> Outcome:
    """Copy one file."""
    _, (source, target) = options(words[1:])
    files, end = session.machine.files, session.path(target)
    end = posixpath.join(end, posixpath.basename(source)) if files.is_directory(end) else end
    start, owner = session.path(source), session.actor.name
    demand_read(files, start, actor=session.actor)
    demand_write(files, end, actor=session.actor)
    files.write(
        end, files.read(start), template=replace(files.get(start), owner=owner, group=owner)
    )
    return Outcome()


async def ln(words: list[str], session: Session) -> Outcome:
    """Make a symbolic link."""
    letters, (target, name) = options(words[1:])
    if "s" not in letters:
        return failed("the simulated guest does not model hard links", code=127)
    path = session.path(name)
    demand_write(session.machine.files, path, actor=session.actor)
    session.machine.files.put(path, Node(kind=Kind.LINK, mode=0o777, target=target))
    return Outcome()


async def touch(words: list[str], session: Session) -> Outcome:
    """Make empty files."""
    files, owner = session.machine.files, session.actor.name
    for name in options(words[1:])[1]:
        path = session.path(name)
        demand_write(files, path, actor=session.actor)
        if files.find(path) is None:
            mode = 0o666 & ~session.umask
            files.write(
                path, b"", template=Node(kind=Kind.FILE, mode=mode, owner=owner, group=owner)
            )
    return Outcome()


FILE_COMMANDS: Mapping[str, Command] = {
    "mkdir": mkdir,
    "chmod": chmod,
    "chown": chown,
    "rm": rm,
    "mv": mv,
    "cp": cp,
    "ln": ln,
    "touch": touch,
}
