"""dpkg of the guest's shell."""

from collections.abc import Mapping

from proxmox_lab.guests.simulated.model.files import Kind, Node
from proxmox_lab.guests.simulated.shell.session import (
    Command,
    Outcome,
    Session,
    failed,
    options,
    said,
)

ARCHITECTURES = "/var/lib/dpkg/arch"  # dpkg's own list, the native one first
FORMATS = ("--showformat=", "-f=")


async def dpkg(words: list[str], session: Session) -> Outcome:
    """``dpkg -s`` and what dpkg knows of architectures."""
    if "--print-architecture" in words:
        return said("amd64")
    foreign = session.machine.files.text(ARCHITECTURES).split()[1:]
    if "--print-foreign-architectures" in words:
        return said("".join(f"{name}\n" for name in foreign))
    if "--add-architecture" in words:
        if not session.actor.root:
            return failed("dpkg: error: requested operation requires superuser privilege", code=2)
        names = ["amd64", *sorted({*foreign, words[-1]})]
        text = "".join(f"{name}\n" for name in names).encode()
        node = Node(kind=Kind.FILE, mode=0o644)
        session.machine.files.write(ARCHITECTURES, text, template=node)
        return Outcome()
    return _status(words, session)


async def dpkg_query(words: list[str], session: Session) -> Outcome:
    """``dpkg-query -W`` (``--show``) with a format of package and version, and ``-s``."""
    if not {"-W", "--show"} & set(words):
        return _status(words, session)
    given = [word.partition("=")[2] for word in words if word.startswith(FORMATS)]
    shape = given[-1] if given else "${Package}\t${Version}\n"
    known = session.machine.disk.packages
    _, names = options(words[1:])
    lines = [_shown(shape, name, known[name]) for name in names or sorted(known) if name in known]
    missing = [name for name in names if name not in known]
    errors = "".join(f"dpkg-query: no packages found matching {name}\n" for name in missing)
    return Outcome(out="".join(lines).encode(), err=errors.encode(), code=1 if missing else 0)


def _shown(shape: str, name: str, version: str) -> str:
    for written, meant in (("\\n", "\n"), ("\\t", "\t")):
        shape = shape.replace(written, meant)
    shape = shape.replace("${db:Status-Status}", "installed")
    return shape.replace("${Package}", name).replace("${Version}", version)


def _status(words: list[str], session: Session) -> Outcome:
    _, names = options(words[1:])
    known = session.machine.disk.packages
    missing = [name for name in names if name not in known]
    if missing:
        return failed(f"dpkg-query: package '{missing[0]}' is not installed")
    return said(
        "".join(f"Package: {n}\nStatus: install ok installed\nVersion: {known[n]}\n" for n in names)
    )


PACKAGE_COMMANDS: Mapping[str, Command] = {"dpkg": dpkg, "dpkg-query": dpkg_query}
