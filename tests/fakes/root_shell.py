"""Root's shell on a node of the lab, for the few commands that we tell people to run there."""

import shlex
from collections.abc import Callable, Mapping, Sequence
from typing import Final

from proxmox_lab.site.people import AclEntry
from proxmox_lab.site.site import Site
from proxmox_lab.site.things import Pool

Options = Mapping[str, str]


def run(site: Site, line: str) -> None:
    """Do what a command line says; of ``a || b`` the part that fits what is there."""
    for part in line.partition("  #")[0].split("&&"):
        words = [word for word in shlex.split(part) if not word.startswith((">", "2>"))]
        _one(site, words)


def run_script(site: Site, text: str) -> None:
    """Run the lines of a script that concern rights and pools; the others need a true node."""
    for line in text.splitlines():
        command, _, instead = line.partition(" || ")
        if line.startswith("pvesh get"):
            run(site, instead)
        elif line.startswith(("pveum role", "pveum acl", "qm set")):
            run(site, command)


def _one(site: Site, words: Sequence[str]) -> None:
    program, verb, *rest = words
    known: Mapping[tuple[str, str], Callable[[Site, Sequence[str]], None]] = {
        ("pveum", "role"): _role,
        ("pveum", "acl"): _acl,
        ("pveum", "user"): _token,
        ("pvesh", "create"): _create,
        ("qm", "set"): _set,
        ("pvesm", "set"): _storage,
    }
    known[program, verb](site, rest)


def _options(words: Sequence[str]) -> Options:
    names = [word.removeprefix("--") for word in words[::2]]
    return dict(zip(names, words[1::2], strict=True))


def _role(site: Site, words: Sequence[str]) -> None:
    verb, name, *rest = words
    assert (verb == "modify") is (name in site.rules.roles), "Proxmox would refuse that"
    site.rules.roles[name] = _options(rest)["privs"].split(",")


def _acl(site: Site, words: Sequence[str]) -> None:
    verb, path, *rest = words
    assert verb == "modify"
    options = _options(rest)
    assert options["roles"] in site.rules.roles, "Proxmox would refuse that"
    for option, kind in KINDS.items():
        entry = AclEntry(path=path, kind=kind, who=options[option], role=options["roles"])
        site.rules.acl.append(entry)


KINDS: Final = {"users": "user", "tokens": "token"}


def _token(site: Site, words: Sequence[str]) -> None:
    _, verb, user, name, *rest = words
    assert verb == "modify"
    site.rules.users[user].tokens[name].privsep = _options(rest)["privsep"] == "1"


def _create(site: Site, words: Sequence[str]) -> None:
    path, *rest = words
    options = _options(rest)
    if path == "/pools":
        site.rules.pools[options["poolid"]] = Pool()


def _set(site: Site, words: Sequence[str]) -> None:
    vmid, *rest = words
    for key, value in _options(rest).items():
        drive = f"{value.partition(':')[0]}:{vmid}/vm-{vmid}-cloudinit.qcow2,media=cdrom"
        site.machines[int(vmid)].config[key] = drive if value.endswith(":cloudinit") else value


def _storage(site: Site, words: Sequence[str]) -> None:
    name, *rest = words
    site.rules.storages[name].content = _options(rest)["content"].split(",")
