"""The guest's command table put together: what ``/bin/sh -c`` can do in a simulated guest."""

import shlex
from collections.abc import Mapping
from dataclasses import replace

from proxmox_lab.guests.simulated.model.actor import PermissionRefused
from proxmox_lab.guests.simulated.model.files import NoSuchPath, NotADirectory
from proxmox_lab.guests.simulated.shell.file_commands import FILE_COMMANDS
from proxmox_lab.guests.simulated.shell.game_commands import GAME_COMMANDS
from proxmox_lab.guests.simulated.shell.interpreter import Interpreter
from proxmox_lab.guests.simulated.shell.package_commands import PACKAGE_COMMANDS
from proxmox_lab.guests.simulated.shell.reading_commands import READING_COMMANDS
from proxmox_lab.guests.simulated.shell.service_commands import SERVICE_COMMANDS
from proxmox_lab.guests.simulated.shell.session import Command, Outcome, Session, failed
from proxmox_lab.guests.simulated.shell.steam_commands import STEAM_COMMANDS
from proxmox_lab.guests.simulated.shell.system_commands import SYSTEM_COMMANDS
from proxmox_lab.guests.simulated.shell.transfer_commands import TRANSFER_COMMANDS

NOT_FOUND = 127
SUDO_WITH_VALUE = frozenset({"-u", "-g", "-p", "--user", "--group", "--prompt"})
ALWAYS_THERE = frozenset(
    {"cd", "echo", "test", "[", "command", ":", "true", "false", "printf", "pwd", "umask"}
)
PYTHON = frozenset({"python3", "python3.13"})
SHELLS = frozenset({"sh", "bash", "dash"})


class GuestShell:
    """Runs scripts and commands. ``run_module`` is what python does with a module as its input."""

    def __init__(self, run_module: Command) -> None:
        """Join the tables; the module runner comes from outside, since modules run commands."""
        self._interpreter = Interpreter(self.execute)
        self._table: Mapping[str, Command] = {
            **FILE_COMMANDS,
            **GAME_COMMANDS,
            **PACKAGE_COMMANDS,
            **READING_COMMANDS,
            **SERVICE_COMMANDS,
            **STEAM_COMMANDS,
            **SYSTEM_COMMANDS,
            **TRANSFER_COMMANDS,
            **dict.fromkeys(PYTHON, run_module),
            **dict.fromkeys(SHELLS, self._sh),
            "sudo": self._sudo,
            "exec": self._exec,
        }

    async def run(self, text: str, session: Session) -> Outcome:
        """Run a script."""
        return await self._interpreter.run(text, session)

    async def execute(self, words: list[str], session: Session) -> Outcome:
        """Run one command; one that is installed but not modelled says so."""
        name = words[0].rpartition("/")[2]
        if not self._there(words[0], session):
            return failed(f"sh: 1: {words[0]}: not found", code=NOT_FOUND)
        command = self._table.get(name)
        if command is None:
            text = f"the simulated guest does not model the command {shlex.join(words)[:200]}"
            return failed(text, code=NOT_FOUND)
        try:
            return await command(words, session)
        except (NoSuchPath, NotADirectory, PermissionRefused) as error:
            reason = str(error).partition("] ")[2].partition(":")[0]
            return failed(f"{name}: {error.path}: {reason}")
        except (IndexError, ValueError):
            text = f"the simulated guest does not model the command {shlex.join(words)[:200]}"
            return failed(text, code=NOT_FOUND)

    def _there(self, word: str, session: Session) -> bool:
        if word in ALWAYS_THERE:
            return True
        if "/" in word:
            return session.machine.files.find(session.path(word)) is not None
        files = session.machine.files
        folders = ("/usr/local/bin", "/usr/bin", "/usr/sbin", "/usr/games")
        return any(files.find(f"{folder}/{word}") for folder in folders) or word in EXTRA

    async def _sh(self, words: list[str], session: Session) -> Outcome:
        if len(words) > 2 and words[1].startswith("-") and "c" in words[1]:
            inner = replace(session, variables=dict(session.variables))
            return await self.run(words[2], inner)
        return await self.run((await session.stdin.read()).decode(errors="replace"), session)

    async def _sudo(self, words: list[str], session: Session) -> Outcome:
        user, rest = "root", words[1:]
        while rest and rest[0].startswith("-"):
            if rest[0] in SUDO_WITH_VALUE:
                user = rest[1] if rest[0] in ("-u", "--user") else user
                rest = rest[2:]
            else:
                rest = rest[1:]
        if not may_sudo(session):
            return failed("sudo: a password is required")
        if user not in session.machine.accounts.users:
            return failed(f"sudo: unknown user {user}")
        return await self.execute(rest or ["true"], session.as_user(user))

    async def _exec(self, words: list[str], session: Session) -> Outcome:
        return await self.execute(words[1:], session)


def may_sudo(session: Session) -> bool:
    """Whether sudo asks for no password: root, and whom a file in sudoers.d lets."""
    files, folder = session.machine.files, "/etc/sudoers.d"
    names = {session.actor.name, *(f"%{group}" for group in session.actor.groups)}
    lines = [
        line
        for name in files.children(folder)
        for line in files.text(f"{folder}/{name}").splitlines()
    ]
    return session.actor.root or any(
        "NOPASSWD" in line and line.split()[0] in names for line in lines
    )


EXTRA = frozenset({"cloud-init", "sync", "poweroff", "ufw", "exec"})
