"""Commands of the guest's shell that look at and change files."""

import hashlib
import posixpath
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace

from proxmox_lab.guests.simulated.model.actor import (
    demand_owner,
    demand_read,
    demand_remove,
    demand_write,
)
from proxmox_lab.guests.simulated.model.files import Kind, Node
from proxmox_lab.guests.simulated.model.modes import new_mode
from proxmox_lab.guests.simulated.shell.session import Input, Outcome, Session, failed, said

Command = Callable[[list[str], Session], Awaitable[Outcome]]


def options(words: list[str]) -> tuple[str, list[str]]:
    """The letters of all options, and what is no option."""
    letters = "".join(word[1:] for word in words if word.startswith("-") and word != "-")
    return letters, [word for word in words if not word.startswith("-") or word == "-"]


async def echo(words: list[str], _session: Session) -> Outcome:
    """Say the words."""
    if words[1:2] == ["-n"]:
        return Outcome(out=" ".join(words[2:]).encode())
    return Outcome(out=f"{' '.join(words[1:])}\n".encode())


async def cat(words: list[str], session: Session) -> Outcome:
    """Say the content of files, or the input."""
    _, names = options(words[1:])
    if not names:
        return Outcome(out=await session.stdin.read())
    data = b""
    for name in names:
        path = session.path(name)
        if path == "/proc/sys/kernel/random/boot_id":
            data += f"{session.machine.boot_id}\n".encode()
            continue
        demand_read(session.machine.files, path, actor=session.actor)
        data += session.machine.files.read(path)
    return Outcome(out=data)


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
        for path in [top, *(files.below(top) if "R" in letters else [])]:
            node = files.get(path, follow=False)
            demand_owner(files, path, actor=session.actor)
            files.nodes[files.resolve(path, follow=False)] = replace(
                node, owner=owner or node.owner, group=group or node.group
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


async def install(words: list[str], session: Session) -> Outcome:
    """Copy one file (or make directories with -d), with mode, owner and group."""
    mode, owner, group, directory, names = 0o755, "", "", False, list[str]()
    rest = iter(words[1:])
    for word in rest:
        letter, _, value = word.partition("=")
        match letter:
            case "-m" | "--mode":
                mode = int(value or next(rest), 8)
            case "-o" | "--owner":
                owner = value or next(rest)
            case "-g" | "--group":
                group = value or next(rest)
            case "-d" | "--directory":
                directory = True
            case _ if word.startswith("-") and word not in ("-D", "-p", "-v"):
                return failed(f"the simulated guest does not model install {word}", code=127)
            case _:
                names.append(word)
    outcome = await (mkdir if directory else cp)(
        ["install", *(["-p"] if directory else []), *names], session
    )
    if outcome.code:
        return outcome
    files = session.machine.files
    path = session.path(names[-1])
    if not directory and files.is_directory(path):
        path = posixpath.join(path, posixpath.basename(names[0]))
    node = files.get(path)
    files.change(path, mode=mode, owner=owner or node.owner, group=group or node.group)
    return outcome


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


async def dd(words: list[str], session: Session) -> Outcome:
    """Copy the input to ``of=``, as Ansible's piped transfer does."""
    given = dict(word.partition("=")[::2] for word in words[1:])
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


async def test(words: list[str], session: Session) -> Outcome:
    """The file tests, emptiness, and comparison of texts."""
    arguments = [word for word in words[1:] if word != "]"]
    if len(arguments) == 3 and arguments[1] in ("=", "==", "!="):  # noqa: PLR2004  A op B
        holds = (arguments[0] == arguments[2]) is (arguments[1] != "!=")
    elif len(arguments) == 2 and arguments[0] in ("-n", "-z"):  # noqa: PLR2004  op A
        holds = bool(arguments[1]) is (arguments[0] == "-n")
    elif len(arguments) == 2 and arguments[0] in FILE_TESTS:  # noqa: PLR2004  op A
        node = session.machine.files.find(session.path(arguments[1]), follow=arguments[0] != "-L")
        holds = node is not None and FILE_TESTS[arguments[0]](node)
    else:
        return failed(f"the simulated guest does not model test {' '.join(arguments)}", code=2)
    return Outcome(code=0 if holds else 1)


FILE_TESTS: Mapping[str, Callable[[Node], bool]] = {
    "-e": lambda _node: True,
    "-r": lambda _node: True,
    "-w": lambda _node: True,
    "-f": lambda node: node.kind is Kind.FILE,
    "-d": lambda node: node.kind is Kind.DIRECTORY,
    "-L": lambda node: node.kind is Kind.LINK,
    "-x": lambda node: bool(node.mode & 0o111),
    "-s": lambda node: node.size > 0,
}


async def ls(words: list[str], session: Session) -> Outcome:
    """Names in a directory."""
    _, names = options(words[1:])
    path = session.path(names[0] if names else ".")
    session.machine.files.get(path)
    if not session.machine.files.is_directory(path):
        return said(names[0])
    return said("".join(f"{name}\n" for name in session.machine.files.children(path)))


async def checksum(words: list[str], session: Session) -> Outcome:
    """sha1sum, sha256sum and md5sum of files."""
    algorithm = words[0].rpartition("/")[2].removesuffix("sum")
    lines: list[str] = []
    for name in options(words[1:])[1]:
        data = session.machine.files.read(session.path(name))
        lines.append(f"{hashlib.new(algorithm, data).hexdigest()}  {name}\n")
    return said("".join(lines))


async def grep(words: list[str], session: Session) -> Outcome:
    """Lines of the input or of files that hold a plain text."""
    letters, names = options(words[1:])
    data = await session.stdin.read() if len(names) < 2 else b""  # noqa: PLR2004  pattern and files
    for name in names[1:]:
        data += session.machine.files.read(session.path(name))
    pattern = names[0].encode()
    found = [line for line in data.splitlines() if (pattern in line) is ("v" not in letters)]
    out = b"".join(line + b"\n" for line in found)
    if "c" in letters:
        out = f"{len(found)}\n".encode()
    return Outcome(code=0 if found else 1, out=b"" if "q" in letters else out)


FILE_COMMANDS: Mapping[str, Command] = {
    "echo": echo, "cat": cat, "mkdir": mkdir, "chmod": chmod, "chown": chown, "rm": rm, "mv": mv,
    "cp": cp, "install": install, "ln": ln, "touch": touch, "dd": dd, "tee": tee, "test": test, "[": test, "ls": ls,
    "sha1sum": checksum, "sha256sum": checksum, "md5sum": checksum, "grep": grep,
}  # fmt: skip
