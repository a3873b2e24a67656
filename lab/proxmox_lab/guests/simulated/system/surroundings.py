"""What surrounds a unit's program: its user, its folder, its command line."""

import re
from dataclasses import replace

from proxmox_lab.guests.simulated.model.actor import Actor
from proxmox_lab.guests.simulated.model.files import FileTree
from proxmox_lab.guests.simulated.model.unit_files import UnitFile
from proxmox_lab.guests.simulated.model.units import environment
from proxmox_lab.guests.simulated.programs.order import ProgramFailed
from proxmox_lab.guests.simulated.script.syntax import first_command
from proxmox_lab.guests.simulated.system.machine import Machine

TRUE = ("yes", "true", "1", "on")
SHELLS = ("/bin/sh", "/usr/bin/sh", "/bin/bash", "/usr/bin/bash", "/usr/bin/dash")
VARIABLE = re.compile(r"\$(?:(\$)|\{?(\w+)\}?)")


def actor_of(machine: Machine, unit: UnitFile) -> Actor:
    """As whom the unit runs; raises ``ProgramFailed`` when there is nobody of that name."""
    more = tuple(
        group for line in unit.all("Service", "SupplementaryGroups") for group in line.split()
    )
    for group in more:
        _demand_group(machine, group)
    if unit.get("Service", "DynamicUser") in TRUE:
        nobody = machine.actor("nobody")
        return replace(nobody, groups=(*nobody.groups, *more))
    name = machine.accounts.user_named(unit.get("Service", "User", "root"))
    group = unit.get("Service", "Group")
    if name is None:
        wanted = unit.get("Service", "User")
        raise ProgramFailed(f"Failed to determine user credentials: {wanted}", code=217)
    own = (group,) if group else ()
    for wanted in own:
        _demand_group(machine, wanted)
    actor = machine.actor(name)
    return replace(actor, groups=(*own, *actor.groups, *more))


def _demand_group(machine: Machine, group: str) -> None:
    if machine.accounts.group_named(group) is None:
        raise ProgramFailed(f"Failed to determine group credentials: {group}", code=216)


def home_of(machine: Machine, actor: Actor) -> str:
    """The user's home directory."""
    user = machine.accounts.users.get(actor.name)
    return user.home if user else "/"


def demand_writable_paths(files: FileTree, unit: UnitFile) -> None:
    """Raise ``ProgramFailed`` when a path to be writable is not there."""
    for line in unit.all("Service", "ReadWritePaths"):
        for path in line.split():
            if not path.startswith(("-", "+")) and files.find(path) is None:
                raise ProgramFailed(f"Failed to set up mount namespacing: {path}", code=226)


def working_directory_of(files: FileTree, unit: UnitFile) -> str:
    """Where the program starts; raises ``ProgramFailed`` when it is not there."""
    wanted = unit.get("Service", "WorkingDirectory", "/")
    if files.is_directory(wanted.removeprefix("-")):
        return wanted.removeprefix("-")
    if wanted.startswith("-"):
        return "/"
    raise ProgramFailed(f"Changing to the requested working directory failed: {wanted}", code=200)


def command_of(machine: Machine, unit: UnitFile) -> list[str]:
    """The main command with the variables of the unit filled in."""

    def read(path: str) -> str | None:
        node = machine.files.find(path)
        return None if node is None else machine.files.text(path)

    try:
        variables = environment(unit, read)
    except FileNotFoundError as missing:
        raise ProgramFailed(f"Failed to load environment files: {missing}", code=209) from missing
    argv = [VARIABLE.sub(lambda m: m[1] or variables.get(m[2], ""), w) for w in unit.argv()]
    if len(argv) > 2 and argv[0] in SHELLS and argv[1] in ("-c", "-ec"):
        return first_command(argv[2])
    return argv
