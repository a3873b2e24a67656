"""Commands of the guest's shell that ask about the system."""

import asyncio
from collections.abc import Mapping

from proxmox_lab.guests.simulated.model.catalogue import catalogue
from proxmox_lab.guests.simulated.model.files import Kind, Node
from proxmox_lab.guests.simulated.model.image import base_image
from proxmox_lab.guests.simulated.shell.session import (
    Command,
    Outcome,
    Session,
    failed,
    options,
    said,
)

LONGEST_SLEEP = 5.0
COUNT_OR_NAME = 2


async def true(_words: list[str], _session: Session) -> Outcome:
    """Succeed."""
    return Outcome()


async def false(_words: list[str], _session: Session) -> Outcome:
    """Fail."""
    return Outcome(code=1)


async def sleep(words: list[str], _session: Session) -> Outcome:
    """Wait, but never long: nothing in a model needs time."""
    await asyncio.sleep(min(float(words[1]), LONGEST_SLEEP))
    return Outcome()


async def pwd(_words: list[str], session: Session) -> Outcome:
    """Where we are."""
    return said(session.cwd)


async def identity(words: list[str], session: Session) -> Outcome:
    """``id`` and ``whoami``."""
    letters, names = options(words[1:])
    accounts = session.machine.accounts
    name = names[0] if names else session.actor.name
    user = accounts.users.get(name)
    if user is None:
        return failed(f"id: '{name}': no such user")
    if words[0] == "whoami" or letters in ("un", "nu"):
        return said(name)
    if letters == "u":
        return said(str(user.uid))
    groups = ",".join(f"{accounts.gid(group)}({group})" for group in accounts.groups_of(name))
    gid = accounts.gid(user.group)
    return said(f"uid={user.uid}({name}) gid={gid}({user.group}) groups={groups}")


async def uname(words: list[str], session: Session) -> Outcome:
    """Kernel, host and architecture."""
    letters, _ = options(words[1:])
    kernel = base_image().release.kernel
    parts = {"s": "Linux", "n": session.machine.disk.hostname, "r": kernel, "m": "x86_64"}
    if "a" in letters:
        return said(f"Linux {parts['n']} {kernel} #1 SMP PREEMPT_DYNAMIC Debian x86_64 GNU/Linux")
    return said(" ".join(parts[letter] for letter in letters or "s" if letter in parts))


async def hostname(_words: list[str], session: Session) -> Outcome:
    """The guest's name."""
    return said(session.machine.disk.hostname)


async def which(words: list[str], session: Session) -> Outcome:
    """``which`` and ``command -v``."""
    _, names = options(words[1:])
    found: list[str] = []
    for name in names:
        places = [name] if "/" in name else [f"{folder}/{name}" for folder in FOLDERS]
        found += [place for place in places if session.machine.files.find(place)][:1]
    return Outcome(
        code=0 if len(found) == len(names) else 1, out="".join(f"{p}\n" for p in found).encode()
    )


FOLDERS = ("/usr/local/bin", "/usr/bin", "/usr/sbin", "/usr/games", "/bin", "/sbin")


async def getent(words: list[str], session: Session) -> Outcome:
    """Lines of passwd and group."""
    tables = {
        "passwd": session.machine.accounts.passwd,
        "group": session.machine.accounts.group_file,
    }
    if words[1] not in tables:
        return failed(f"Unknown database: {words[1]}")
    lines = tables[words[1]]().splitlines()
    if len(words) > COUNT_OR_NAME:
        lines = [line for line in lines if line.partition(":")[0] in words[2:]]
    return Outcome(code=0 if lines else 2, out="".join(f"{line}\n" for line in lines).encode())


async def ss(words: list[str], session: Session) -> Outcome:
    """Listening sockets; a filter ``sport = :PORT`` is understood."""
    letters, rest = options(words[1:])
    terms = " ".join(rest).split()
    wanted = next((int(term[1:]) for term in terms if term[:1] == ":" and term[1:].isdigit()), None)
    both = not {"u", "t"} & set(letters)
    lines = [] if "H" in letters else ["State  Recv-Q Send-Q Local Address:Port Peer Address:Port"]
    for letter, transport, state in (("u", "udp", "UNCONN"), ("t", "tcp", "LISTEN")):
        if both or letter in letters:
            ports = session.machine.listening(transport)
            lines += [
                f"{state} 0 0 0.0.0.0:{port} 0.0.0.0:*" for port in ports if wanted in (None, port)
            ]
    return said("".join(f"{line}\n" for line in lines))


async def java(words: list[str], session: Session) -> Outcome:
    """``java -version``: the others would run a game in the foreground."""
    if words[1:] not in (["-version"], ["--version"]):
        return failed(f"the simulated guest does not model {' '.join(words)}", code=127)
    path = session.machine.files.resolve(session.path("/usr/bin/java"))
    major = path.partition("java-")[2].partition("-")[0]
    version = catalogue()[f"openjdk-{major}-jre-headless"].version.partition("+")[0]
    text = f'openjdk version "{version}"\nOpenJDK Runtime Environment (simulated)\n'.encode()
    return Outcome(err=text) if words[1] == "-version" else Outcome(out=text)


async def cloud_init(words: list[str], session: Session) -> Outcome:
    """Boot is over when SSH answers, so the status is always the same; or let it begin anew."""
    if words[1:2] == ["status"]:
        return said("status: done")
    if words[1:2] != ["clean"]:
        return failed("not modelled", code=127)
    if not session.actor.root:
        return failed("Error:\nCould not remove /var/lib/cloud/instance: Permission denied")
    machine = session.machine
    machine.disk.instance = ""
    machine.files.remove("/var/lib/cloud/instance")
    if "--machine-id" in words:
        node = Node(kind=Kind.FILE, mode=0o444)
        machine.files.write("/etc/machine-id", b"uninitialized\n", template=node)
    return Outcome()


async def power(words: list[str], session: Session) -> Outcome:
    """``reboot``, ``poweroff`` and ``shutdown``."""
    if not session.actor.root:
        return failed("Call to Reboot failed: Interactive authentication required.")
    verb = "reboot" if words[0].endswith("reboot") or "-r" in words else "poweroff"
    session.machine.power_request(verb)
    return Outcome()


async def nproc(_words: list[str], session: Session) -> Outcome:
    """Number of cores."""
    return said(str(session.machine.hardware.cores))


SYSTEM_COMMANDS: Mapping[str, Command] = {
    "true": true,
    ":": true,
    "false": false,
    "sleep": sleep,
    "pwd": pwd,
    "id": identity,
    "whoami": identity,
    "uname": uname,
    "hostname": hostname,
    "which": which,
    "command": which,
    "getent": getent,
    "ss": ss,
    "java": java,
    "cloud-init": cloud_init,
    "reboot": power,
    "shutdown": power,
    "poweroff": power,
    "nproc": nproc,
    "sync": true,
    "nft": true,
    "sysctl": true,
}
