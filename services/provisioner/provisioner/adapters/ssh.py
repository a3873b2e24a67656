"""Guests over OpenSSH's own client: the same host key check that Ansible goes through."""

import asyncio
import re
import shlex
import tempfile
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from provisioner.adapters.folders import ALIVE, LOGIN, free, socket_of
from provisioner.adapters.ssh_client import KEY, ssh
from provisioner.domain.errors import NotYet, StepFailed
from provisioner.domain.inventory import Target, known_hosts, login_name

BANNER_PATIENCE: Final = 5.0  # seconds
STAYS: Final = 5  # seconds a run's connection is kept: less than the 10 a cancelled one has to end
IMPOSTOR: Final = ("Host key verification failed", "IDENTIFICATION HAS CHANGED")
IMPOSTOR_REMEDY: Final = (
    "Check the network for another machine at this address. If there is none, and the server was "
    "renamed, its guest has made a new key: start it again, and its agent is asked for that. "
    "Without an agent nobody vouches for a new key: deploy the server again."
)
NOT_LET_IN: Final = (
    "Let cloud-init run in the template: it puts the key into the guest that was made for this "
    "server. Guests from before know the installation's: that of SPAWNYARD_SSH_PUBLIC_KEY_FILE, "
    "whose other half is SPAWNYARD_SSH_PRIVATE_KEY_FILE."
)
# What is read of a console: players write it, so it is bounded in bytes. Of a pipe only the last
# command's failure is seen, hence the variable: a journal that cannot be read is not an empty one.
FILE: Final = "sudo -n tail --bytes=4194304 -- {file}"
JOURNAL: Final = (
    "said=$(sudo -n journalctl --no-pager --output=cat --lines={lines} _SYSTEMD_INVOCATION_ID="
    '"$(systemctl show --property=InvocationID --value {unit})") && '
    "printf '%s\\n' \"$said\" | {end} --bytes=4194304"
)
CONSOLE_LINES: Final = 20_000
PAIR: Final = 2  # words of a line: package, version
TOLD: Final = 200  # characters of a version
TOLD_LIMIT: Final = 65_536
BUILD: Final = re.compile(r'"buildid"\s+"([0-9]{1,20})"')


@dataclass(frozen=True, slots=True, kw_only=True)
class SshGuests:
    """Logs in with the target's key; each call has a folder of its own for what SSH reads.

    ``folder``: where these are made; none is the system's place for what does not last.
    """

    folder: Path | None = None

    async def login(self, target: Target, keys: Sequence[str], *, first_use: bool) -> Sequence[str]:
        """Prove the guest and log in once; return the host keys it was proven by."""
        await _banner(target)
        socket = self._socket(target, keys)
        if socket is not None:
            socket.unlink(missing_ok=True)  # its connection may be to a guest that is gone
        with self._files(target, keys) as file:
            answer = await ssh(
                target, file, "echo in", first_use=first_use, socket=socket, stays=STAYS
            )
            if answer.code == 0 and answer.out.strip() == "in":
                return _pinned(file) if first_use else tuple(keys)
        if any(sign in answer.error for sign in IMPOSTOR):
            raise StepFailed(
                f"the host key at {target.host} port {target.port} is not the guest's",
                remedy=IMPOSTOR_REMEDY,
            )
        met = answer.error.strip().rpartition("\n")[2] or f"ssh ended with {answer.code}"
        raise NotYet(met, remedy=NOT_LET_IN if "Permission denied" in met else None)

    async def last_lines(self, target: Target, keys: Sequence[str], *, unit: str) -> Sequence[str]:
        """Return what the unit wrote last to the journal, or nothing if that cannot be had."""
        command = f"sudo -n journalctl --no-pager --output=cat --lines=20 --unit={unit}"
        with self._files(target, keys) as file, suppress(NotYet):
            answer = await ssh(target, file, command, socket=self._socket(target, keys))
            if answer.code == 0:
                return tuple(answer.out.splitlines()[-20:])
        return ()

    async def console(
        self,
        target: Target,
        keys: Sequence[str],
        *,
        unit: str,
        file: str | None,
        first: bool = False,
    ) -> Sequence[str]:
        """Return the last lines of a game: of its file, or of the journal since it was started.

        ``first``: of the journal the first ones instead.
        """
        name = shlex.quote(unit)
        count, end = (f"+{CONSOLE_LINES}", "head") if first else (CONSOLE_LINES, "tail")
        journal = JOURNAL.format(unit=name, lines=count, end=end)
        lines = FILE.format(file=shlex.quote(file)) if file else journal
        with self._files(target, keys) as hosts:
            command = f"systemctl is-active --quiet {name} && {lines}"
            answer = await ssh(target, hosts, command, socket=self._socket(target, keys))
        if answer.code != 0:
            why = answer.error.strip().rpartition("\n")[2]
            raise NotYet(why or "the game's unit does not run")
        return answer.out.splitlines()

    async def packages(
        self, target: Target, keys: Sequence[str], *, names: Sequence[str]
    ) -> Mapping[str, str]:
        """Return the versions of these packages, as far as they are installed and told."""
        words = ["dpkg-query", "--show", "--showformat=${Package} ${Version}\\n", "--", *names]
        told = await self._told(target, keys, words)
        pairs = (line.split() for line in told.splitlines()[: len(names)])
        found = {pair[0]: pair[1][:TOLD] for pair in pairs if len(pair) == PAIR}
        return {name: found[name] for name in names if name in found}

    async def build(
        self, target: Target, keys: Sequence[str], *, directory: str, app: int
    ) -> str | None:
        """Return the build of a Steam app below this directory, if that is told."""
        file = f"{directory}/server/steamapps/appmanifest_{app:d}.acf"
        told = await self._told(target, keys, ["sudo", "-n", "head", "--bytes=65536", file])
        found = BUILD.search(told)
        return found[1] if found else None

    async def _told(self, target: Target, keys: Sequence[str], words: Sequence[str]) -> str:
        """Return what a command says in the guest, or nothing if that cannot be had."""
        with self._files(target, keys) as file, suppress(NotYet):
            command, socket = shlex.join(words), self._socket(target, keys)
            return (await ssh(target, file, command, socket=socket)).out[:TOLD_LIMIT]
        return ""

    def _socket(self, target: Target, keys: Sequence[str]) -> Path | None:
        return socket_of(self.folder, login_name(target, keys)) if self.folder else None

    @contextmanager
    def _files(self, target: Target, keys: Sequence[str]) -> Generator[Path]:
        """Lay out what SSH reads, for as long as the block lasts; return the known hosts."""
        with (
            tempfile.TemporaryDirectory(
                prefix=LOGIN,
                dir=self.folder,
                # A copy that starts meanwhile looks whether we live; what that leaves, it removes.
                ignore_cleanup_errors=True,
            ) as folder,
            free(Path(folder, ALIVE)),
        ):
            file = Path(folder, "known_hosts")
            file.write_text(known_hosts(target, keys))
            if target.private_key is not None:
                key = Path(folder, KEY)
                key.touch(mode=0o600)
                key.write_text(target.private_key)
            yield file


async def _banner(target: Target) -> None:
    """Wait for the first words of an SSH server: an open port alone may be a forwarder's."""
    try:
        async with asyncio.timeout(BANNER_PATIENCE):
            reader, writer = await asyncio.open_connection(target.host, target.port)
            try:
                words = await reader.readline()
            finally:
                writer.close()
    except (OSError, TimeoutError, ValueError) as error:
        raise NotYet(f"the port does not answer ({type(error).__name__})") from None
    if not words.startswith(b"SSH-2.0-"):
        raise NotYet("the port is open, but SSH does not answer yet")


def _pinned(file: Path) -> tuple[str, ...]:
    """Return the keys SSH has just learnt, without the host's name."""
    lines = file.read_text().splitlines()
    return tuple(line.partition(" ")[2] for line in lines if line and not line.startswith("#"))
