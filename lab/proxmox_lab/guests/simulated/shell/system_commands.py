"""Commands of the guest's shell that ask about the system and its services."""

import asyncio
import itertools
from collections.abc import Awaitable, Callable, Mapping

from proxmox_lab.guests.simulated.model.catalogue import catalogue
from proxmox_lab.guests.simulated.model.image import base_image
from proxmox_lab.guests.simulated.model.jobs import JobFailed, start_unit, stop_unit
from proxmox_lab.guests.simulated.model.units import Activity
from proxmox_lab.guests.simulated.shell.file_commands import Command, options
from proxmox_lab.guests.simulated.shell.session import Outcome, Session, failed, said

LONGEST_SLEEP = 5.0
INACTIVE, UNKNOWN_UNIT = 3, 4
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


async def systemctl(words: list[str], session: Session) -> Outcome:
    """The verbs playbooks use."""
    _, names = options(words[1:])
    verb, units = (names[0], names[1:]) if names else ("", [])
    if verb not in VERBS:
        return failed(f"the simulated guest does not model systemctl {verb}", code=127)
    if verb in PRIVILEGED and not session.actor.root:
        return failed("Failed to connect to bus: Interactive authentication required.")
    code, out = 0, ""
    for unit in units or [""]:
        try:
            its_code, text = await VERBS[verb](unit, session)
        except JobFailed as failure:
            return failed(str(failure))
        code, out = max(code, its_code), out + text
    return Outcome(code=code, out=out.encode())


Verb = Callable[[str, Session], Awaitable[tuple[int, str]]]


async def _is_active(unit: str, session: Session) -> tuple[int, str]:
    activity = session.machine.units.state(unit).activity
    return (0 if activity is Activity.ACTIVE else INACTIVE), f"{activity}\n"


async def _is_failed(unit: str, session: Session) -> tuple[int, str]:
    activity = session.machine.units.state(unit).activity
    return (0 if activity is Activity.FAILED else 1), f"{activity}\n"


async def _is_enabled(unit: str, session: Session) -> tuple[int, str]:
    units = session.machine.units
    if units.find(unit) is None:
        return UNKNOWN_UNIT, "not-found\n"
    if units.enabled(unit):
        return 0, "enabled\n"
    return (1, "disabled\n") if units.installable(unit) else (0, "static\n")


async def _is_system_running(_unit: str, session: Session) -> tuple[int, str]:
    bad = any(state.activity is Activity.FAILED for state in session.machine.units.states.values())
    return (1, "degraded\n") if bad else (0, "running\n")


async def _start(unit: str, session: Session) -> tuple[int, str]:
    await start_unit(session.machine, unit)
    return 0, ""


async def _stop(unit: str, session: Session) -> tuple[int, str]:
    await stop_unit(session.machine, unit)
    return 0, ""


async def _restart(unit: str, session: Session) -> tuple[int, str]:
    await stop_unit(session.machine, unit)
    return await _start(unit, session)


async def _enable(unit: str, session: Session) -> tuple[int, str]:
    session.machine.units.enable(unit, enabled=True)
    return 0, ""


async def _disable(unit: str, session: Session) -> tuple[int, str]:
    session.machine.units.enable(unit, enabled=False)
    return 0, ""


async def _daemon_reload(_unit: str, session: Session) -> tuple[int, str]:
    session.machine.units.reload()
    return 0, ""


VERBS: Mapping[str, Verb] = {
    "is-active": _is_active, "is-failed": _is_failed, "is-enabled": _is_enabled,
    "is-system-running": _is_system_running, "start": _start, "stop": _stop,
    "restart": _restart, "enable": _enable, "disable": _disable, "daemon-reload": _daemon_reload,
}  # fmt: skip
PRIVILEGED = frozenset({"start", "stop", "restart", "enable", "disable", "daemon-reload"})


async def journalctl(words: list[str], session: Session) -> Outcome:
    """The last lines of a unit."""
    after = {before: word for before, word in itertools.pairwise(words)}
    joined = {word.partition("=")[0]: word.partition("=")[2] for word in words}
    unit = joined.get("--unit") or after.get("--unit") or after.get("-u", "")
    lines = session.machine.units.state(unit).journal if unit else []
    return said("".join(f"{line}\n" for line in lines) or "-- No entries --")


async def java(words: list[str], session: Session) -> Outcome:
    """``java -version``: the others would run a game in the foreground."""
    if words[1:] not in (["-version"], ["--version"]):
        return failed(f"the simulated guest does not model {' '.join(words)}", code=127)
    path = session.machine.files.resolve(session.path("/usr/bin/java"))
    major = path.partition("java-")[2].partition("-")[0]
    version = catalogue()[f"openjdk-{major}-jre-headless"].version.partition("+")[0]
    text = f'openjdk version "{version}"\nOpenJDK Runtime Environment (simulated)\n'.encode()
    return Outcome(err=text) if words[1] == "-version" else Outcome(out=text)


async def dpkg(words: list[str], session: Session) -> Outcome:
    """``dpkg -s``, ``dpkg-query -W`` and ``--print-architecture``."""
    if "--print-architecture" in words:
        return said("amd64")
    _, names = options(words[1:])
    known = session.machine.disk.packages
    missing = [name for name in names if name not in known]
    if missing:
        return failed(f"dpkg-query: package '{missing[0]}' is not installed")
    return said(
        "".join(f"Package: {n}\nStatus: install ok installed\nVersion: {known[n]}\n" for n in names)
    )


async def cloud_init(words: list[str], _session: Session) -> Outcome:
    """Boot is over when SSH answers, so the status is always the same."""
    return said("status: done") if words[1:2] == ["status"] else failed("not modelled", code=127)


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
    "true": true, ":": true, "false": false, "sleep": sleep, "pwd": pwd, "id": identity,
    "whoami": identity, "uname": uname, "hostname": hostname, "which": which, "command": which,
    "getent": getent, "ss": ss, "systemctl": systemctl, "journalctl": journalctl, "java": java,
    "dpkg": dpkg, "dpkg-query": dpkg, "cloud-init": cloud_init, "reboot": power,
    "shutdown": power, "poweroff": power, "nproc": nproc, "sync": true, "nft": true, "sysctl": true,
}  # fmt: skip
