"""The guest agent of a simulated guest: what the hypervisor may ask from outside."""

import time
from collections.abc import Mapping, Sequence

from proxmox_lab.guests.port import ExecResult, GuestConfig, GuestFailure, Interface
from proxmox_lab.guests.simulated.agent_answers import answer
from proxmox_lab.guests.simulated.model.actor import ROOT, Actor
from proxmox_lab.guests.simulated.model.files import Kind, Node, NoSuchPath, NotADirectory
from proxmox_lab.guests.simulated.modules.runner import SHELL
from proxmox_lab.guests.simulated.shell.session import Input, Session
from proxmox_lab.guests.simulated.system.machine import Machine

NO_AGENT = "QEMU guest agent is not running"


class GuestAgent:
    """Answers while it is ``up``; before that and after, it is not there."""

    def __init__(self, machine: Machine) -> None:
        """Be installed, not yet started."""
        self.up = False
        self._machine = machine

    def interfaces(self, config: GuestConfig) -> Sequence[Interface]:
        """Loopback, and the card with the address that cloud-init was given."""
        self._demand()
        addresses = (config.address,) if config.address else ()
        return (
            Interface(name="lo", mac="00:00:00:00:00:00", addresses=("127.0.0.1/8",)),
            Interface(name="eth0", mac=config.mac, addresses=addresses),
        )

    def read_file(self, path: str) -> bytes:
        """A file of the guest."""
        self._demand()
        try:
            return self._machine.files.read(path)
        except (NoSuchPath, NotADirectory, IsADirectoryError) as error:
            reason = str(error).partition("] ")[2].partition(":")[0]
            text = f"failed to open file '{path}' (mode: 'r'): {reason}"
            raise GuestFailure(text) from error

    def write_file(self, path: str, content: bytes) -> None:
        """Replace or make a file, as root."""
        self._demand()
        files = self._machine.files
        fresh = Node(kind=Kind.FILE, mode=0o666, mtime=time.time())
        try:
            files.write(path, content, template=files.find(path) or fresh)
        except (NoSuchPath, NotADirectory) as error:
            reason = str(error).partition("] ")[2].partition(":")[0]
            raise GuestFailure(f"failed to open file '{path}' (mode: 'wb'): {reason}") from error
        self._machine.changed()

    def ask(self, command: str, arguments: Mapping[str, object]) -> object:
        """Answer one of the agent's own commands."""
        self._demand()
        return answer(self._machine, command, arguments)

    async def execute(self, command: Sequence[str], stdin: bytes) -> ExecResult:
        """Run a command as root."""
        self._demand()
        session = Session(machine=self._machine, actor=ROOT, stdin=Input(stdin))
        outcome = await SHELL.execute(list(command), session)
        return ExecResult(exit_code=outcome.code, out=outcome.out, err=outcome.err)

    async def run_command(self, words: list[str], actor: Actor) -> tuple[int, str]:
        """Run a unit's command as its user: systemd's business, done by the same shell."""
        session = Session(machine=self._machine, actor=actor)
        outcome = await SHELL.execute(words, session)
        return outcome.code, (outcome.out + outcome.err).decode(errors="replace")

    def _demand(self) -> None:
        if not self.up:
            raise GuestFailure(NO_AGENT)
