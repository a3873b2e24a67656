"""Commands of the guest's shell that look at files and say what they see."""

import hashlib
from collections.abc import Callable, Mapping

from proxmox_lab.guests.simulated.model.actor import demand_read
from proxmox_lab.guests.simulated.model.files import Kind, Node
from proxmox_lab.guests.simulated.shell.session import (
    Command,
    Outcome,
    Session,
    failed,
    options,
    said,
)

BINARY, UNARY = 3, 2  # words of ``A = B`` and of ``-f A``


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


async def head(words: list[str], session: Session) -> Outcome:
    """The first lines of a file or of the input, or its first bytes."""
    data, sort, count = await _part(words, session)
    if sort == "--bytes":
        return Outcome(out=data[:count])
    return Outcome(out=b"".join(data.splitlines(keepends=True)[:count]))


async def tail(words: list[str], session: Session) -> Outcome:
    """The last lines of a file or of the input, or its last bytes."""
    data, sort, count = await _part(words, session)
    if sort == "--bytes":
        return Outcome(out=data[-count:])
    return Outcome(out=b"".join(data.splitlines(keepends=True)[-count:]))


async def _part(words: list[str], session: Session) -> tuple[bytes, str, int]:
    """What is there, and how much of it is wanted, in which unit."""
    data = (await cat([word for word in words if not word.startswith("-")], session)).out
    given = {word.partition("=")[0]: word.partition("=")[2] for word in words[1:]}
    sort = "--bytes" if "--bytes" in given else "--lines"
    return data, sort, int(given.get(sort, "10"))


async def printf(words: list[str], _session: Session) -> Outcome:
    """The words in a pattern that says only where they go."""
    pattern, given = words[1].replace("\\n", "\n"), words[2:]
    if pattern.replace("%s", "").count("%") or pattern.count("%s") != len(given):
        return failed(f"the simulated guest does not model printf {words[1]}", code=2)
    return said("".join(map("".join, zip(pattern.split("%s"), [*given, ""], strict=True))))


async def test(words: list[str], session: Session) -> Outcome:
    """The file tests, emptiness, and comparison of texts."""
    arguments = [word for word in words[1:] if word != "]"]
    if len(arguments) == BINARY and arguments[1] in ("=", "==", "!="):
        holds = (arguments[0] == arguments[2]) is (arguments[1] != "!=")
    elif len(arguments) == UNARY and arguments[0] in ("-n", "-z"):
        holds = bool(arguments[1]) is (arguments[0] == "-n")
    elif len(arguments) == UNARY and arguments[0] in FILE_TESTS:
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
    data = await session.stdin.read() if len(names) < UNARY else b""
    for name in names[1:]:
        data += session.machine.files.read(session.path(name))
    pattern = names[0].encode()
    found = [line for line in data.splitlines() if (pattern in line) is ("v" not in letters)]
    out = b"".join(line + b"\n" for line in found)
    if "c" in letters:
        out = f"{len(found)}\n".encode()
    return Outcome(code=0 if found else 1, out=b"" if "q" in letters else out)


READING_COMMANDS: Mapping[str, Command] = {
    "echo": echo,
    "cat": cat,
    "head": head,
    "tail": tail,
    "printf": printf,
    "test": test,
    "[": test,
    "ls": ls,
    "sha1sum": checksum,
    "sha256sum": checksum,
    "md5sum": checksum,
    "grep": grep,
}
