"""A real SSH server for one guest: its host key, its users' keys, its shell."""

import contextlib
import logging
import socket
from functools import partial

import asyncssh

from proxmox_lab.guests.simulated.modules.runner import SHELL
from proxmox_lab.guests.simulated.shell.session import Input, Outcome, Session, failed
from proxmox_lab.guests.simulated.ssh.sftp import GuestFiles
from proxmox_lab.guests.simulated.system.machine import Machine

log = logging.getLogger(__name__)

HOST_KEY = "/etc/ssh/ssh_host_ed25519_key"
VERSION = "SimulatedGuest_1"
LOGIN_TIMEOUT = 30
KEY_EXCHANGE = ("curve25519-sha256", "curve25519-sha256@libssh.org")

# the quickest ones that every client of ten years has
CIPHERS = ("aes128-gcm@openssh.com", "aes256-gcm@openssh.com", "aes256-ctr", "aes128-ctr")


class GuestLogin(asyncssh.SSHServer):
    """Lets in those whose key the user's authorized_keys holds, as it is at that moment."""

    def __init__(self, machine: Machine, connections: set[asyncssh.SSHServerConnection]) -> None:
        """Know the guest, and the set in which open connections are kept."""
        self._machine = machine
        self._connections = connections
        self._connection: asyncssh.SSHServerConnection | None = None

    def connection_made(self, conn: asyncssh.SSHServerConnection) -> None:
        """Remember the connection, so that a power cut can end it."""
        self._connection = conn
        self._connections.add(conn)

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002  asyncssh calls it so
        """Forget the connection."""
        if self._connection is not None:
            self._connections.discard(self._connection)

    def begin_auth(self, username: str) -> bool:  # noqa: ARG002  asyncssh calls it so
        """Everybody must prove a key."""
        return True

    def public_key_auth_supported(self) -> bool:
        """Keys are the only way in."""
        return True

    def validate_public_key(self, username: str, key: asyncssh.SSHKey) -> bool:
        """Whether the user's authorized_keys holds the key."""
        user = self._machine.accounts.users.get(username)
        if user is None or user.login_shell.endswith("nologin"):
            return False
        text = self._machine.files.text(f"{user.home}/.ssh/authorized_keys")
        offered = key.export_public_key().decode().split()[1]
        return any(
            offered in line.split() for line in text.splitlines() if not line.startswith("#")
        )


class SshServer:
    """The listening server; one a guest, all in this process."""

    def __init__(self, machine: Machine) -> None:
        """Nothing listens yet."""
        self._machine = machine
        self._connections: set[asyncssh.SSHServerConnection] = set()
        self._acceptor: asyncssh.SSHAcceptor | None = None

    async def listen(self, listener: socket.socket) -> None:
        """Serve on a bound socket with the host key that the guest's disk holds."""
        key = asyncssh.import_private_key(self._machine.files.read(HOST_KEY))
        self._acceptor = await asyncssh.listen(
            sock=listener,
            server_factory=lambda: GuestLogin(self._machine, self._connections),
            server_host_keys=[key],
            process_factory=self._serve,
            sftp_factory=self._files,
            encoding=None,
            line_editor=False,
            server_version=VERSION,
            login_timeout=LOGIN_TIMEOUT,
            kex_algs=KEY_EXCHANGE,
            encryption_algs=CIPHERS,
            gss_host=None,
            agent_forwarding=False,
        )

    async def close(self) -> None:
        """End every connection and stop listening."""
        if self._acceptor is not None:
            self._acceptor.close()
            await self._acceptor.wait_closed()
            self._acceptor = None
        for connection in list(self._connections):
            connection.abort()
        self._connections.clear()

    def _files(self, channel: "asyncssh.SSHServerChannel[bytes]") -> GuestFiles:
        return GuestFiles(channel, self._machine)

    async def _serve(self, process: asyncssh.SSHServerProcess[bytes]) -> None:
        name = str(process.get_extra_info("username"))
        user = self._machine.accounts.users.get(name)
        home = user.home if user and self._machine.files.is_directory(user.home) else "/"
        with contextlib.suppress(OSError, asyncssh.Error):
            outcome = await self._run(process, name=name, home=home)
            _say(process, outcome)
            process.exit(outcome.code)

    async def _run(
        self, process: asyncssh.SSHServerProcess[bytes], *, name: str, home: str
    ) -> Outcome:
        if process.command is None:
            return failed("a simulated guest runs commands (ssh HOST COMMAND); no login shell")
        session = Session(
            machine=self._machine,
            actor=self._machine.actor(name),
            cwd=home,
            variables=dict(process.env),
            stdin=Input(source=process.stdin.read),
            sink=partial(_say, process),
        )
        try:
            return await SHELL.run(process.command, session)
        except Exception as error:
            log.exception("a simulated guest could not run a command")
            return failed(f"the simulated guest has a fault of its own: {error!r}")
        finally:
            self._machine.changed()


def _say(process: asyncssh.SSHServerProcess[bytes], outcome: Outcome) -> None:
    process.stdout.write(outcome.out)
    process.stderr.write(outcome.err)
