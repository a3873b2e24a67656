"""The data folder: everything an embedded installation keeps.

data/
  secrets.json      passwords, made once                     stack.json   what runs now, and where
  ssh/              the key pair the guests are reached by   logs/        one file per process
  keys/             what signs tokens, what seals secrets
  nats/ lab/ databases/ runs/                                credentials.json
"""

import fcntl
import os
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from pydantic import BaseModel, ValidationError

from yard_cli.failure import Failure
from yard_cli.stack.ports import Ports
from yard_cli.stack.stand_ins import NAME as STAND_INS


def kind_options(*, guests: str, stand_ins: bool) -> str:
    """Return the options of ``yard up`` that make a stack of this kind, each after a space."""
    return " --vm" * (guests == "qemu") + " --stand-ins" * stand_ins


class RunningStack(BaseModel, frozen=True):
    """What a supervisor says of itself for as long as it holds the folder.

    ``stand_ins``: whether the games' servers are stand-ins; none: nobody has noted it.
    """

    pid: int
    base_port: int
    guests: str
    stand_ins: bool | None = None

    @property
    def command(self) -> str:
        """How the same kind of stack is started."""
        return f"./yard up{kind_options(guests=self.guests, stand_ins=bool(self.stand_ins))}"


@dataclass(frozen=True, slots=True)
class DataFolder:
    """The folder at ``path``."""

    path: Path

    @property
    def secrets(self) -> Path:
        """Passwords and keys of the installation; nobody else may read it."""
        return self.path / "secrets.json"

    @property
    def credentials(self) -> Path:
        """Tokens the command line holds for this installation's gateway."""
        return self.path / "credentials.json"

    @property
    def ssh_key(self) -> Path:
        """The private key the guests are reached by; the public one lies beside it."""
        return self.path / "ssh" / "id_ed25519"

    @property
    def sealing_key(self) -> Path:
        """The key that secret settings are sealed with."""
        return self.path / "keys" / "sealing.key"

    @property
    def hypervisor_key(self) -> Path:
        """The key that the hypervisor's token is sealed with."""
        return self.path / "keys" / "hypervisor.key"

    @property
    def lab(self) -> Path:
        """The lab's own folder."""
        return self.path / "lab"

    def log(self, process: str) -> Path:
        """Where a process writes its log."""
        return self.path / "logs" / f"{process}.log"

    def database_url(self, service: str) -> str:
        """Name the SQLite database of a service."""
        return f"sqlite+aiosqlite:///{self.path / 'databases' / f'{service}.db'}"

    def make(self) -> None:
        """Make what is missing; nobody but its owner may look inside."""
        try:
            self.path.mkdir(mode=0o700, parents=True, exist_ok=True)
            for name in ("ssh", "nats", "lab", "databases", "runs", "logs", "keys"):
                (self.path / name).mkdir(mode=0o700, exist_ok=True)
        except OSError as error:
            raise Failure(
                f"the data folder {self.path} cannot be written to: {error.strerror}",
                "name a folder of your own: --data DIR (or SPAWNYARD_DATA)",
            ) from error

    @contextmanager
    def held(
        self,
        *,
        ports: Ports,
        guests: str,
        stand_ins: bool = False,
        check: Callable[[], None] = lambda: None,
    ) -> Generator[None]:
        """Keep every other supervisor out for as long as the block lasts.

        ``check`` raises if the stack cannot be started: what the folder holds is noted after it.
        """
        note = os.open(self.path / "stack.json", os.O_RDWR | os.O_CREAT, 0o600)
        try:
            self._claim(note)
            running = RunningStack(
                pid=os.getpid(), base_port=ports.gateway, guests=guests, stand_ins=stand_ins
            )
            before = _read(note)
            self._refuse_another_kind(before, running)
            check()
            if self._is_doubtful(before) and not stand_ins:
                running = running.model_copy(update={"stand_ins": None})
            os.ftruncate(note, 0)
            os.pwrite(note, running.model_dump_json().encode(), 0)
            yield
        finally:
            os.close(note)

    def running(self) -> RunningStack | None:
        """Return what runs on this folder now, if anything does."""
        try:
            note = os.open(self.path / "stack.json", os.O_RDONLY)
        except FileNotFoundError:
            return None
        try:
            fcntl.flock(note, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return _read(note)
        finally:
            os.close(note)
        return None

    def may_hold_stand_ins(self) -> bool:
        """Whether games were stood in for here when nobody noted whether they were."""
        try:
            note = os.open(self.path / "stack.json", os.O_RDONLY)
        except FileNotFoundError:
            return False
        try:
            return self._is_doubtful(_read(note))
        finally:
            os.close(note)

    def _is_doubtful(self, before: RunningStack | None) -> bool:
        is_silent = before is not None and before.stand_ins is None
        return is_silent and self.log(STAND_INS).exists()

    def _refuse_another_kind(self, before: RunningStack | None, now: RunningStack) -> None:
        if before is None:
            return
        remedy = (
            f"start it as it was: {before.command} --data {self.path}"
            "   (or choose another folder: --data DIR)"
        )
        if before.guests != now.guests:
            raise Failure(
                f"the guests kept in {self.path} are {before.guests}, not {now.guests}", remedy
            )
        if not self._is_doubtful(before) and bool(before.stand_ins) != now.stand_ins:
            # An update would put the vendor's server, its terms accepted by nobody, in a
            # stand-in's place, or a stand-in in the vendor's.
            kind = "stand-ins" if before.stand_ins else "the vendors' own, no stand-ins"
            raise Failure(f"the games' servers kept in {self.path} are {kind}", remedy)

    def _claim(self, note: int) -> None:
        try:
            fcntl.flock(note, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = _read(note)
            by = f" (process {holder.pid}, ports from {holder.base_port})" if holder else ""
            raise Failure(
                f"a stack is already running on {self.path}{by}",
                "stop it with Ctrl-C where it runs, or start another one: --data DIR --port-base N",
            ) from None


def _read(note: int) -> RunningStack | None:
    try:
        return RunningStack.model_validate_json(os.pread(note, 4096, 0))
    except ValidationError:
        return None
