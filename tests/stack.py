"""The whole product as one object: started by its own command, broken on purpose, asked by HTTP."""

import asyncio
import json
import os
import random
import signal
import socket
import ssl
import sys
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

ROOT = Path(__file__).resolve().parent.parent
MODULES = {
    "gateway": "gateway.main",
    "vm-service": "vm_service.main",
    "provisioner": "provisioner.main",
    "log-service": "log_service.main",
    "lab": "proxmox_lab",
    "nats": "nats-server",
}
PATIENCE = 60.0  # seconds: an answer may be slow where many things go on; it must come, though
UNKNOWN = 401
TERMINAL = {"succeeded", "failed", "cancelled"}


def free_base() -> int:
    """Find six free ports in a row, below those that the system hands out by itself."""
    while True:
        base = random.randrange(20_000, 32_000, 8)
        if all(map(_is_free, range(base, base + 6))):
            return base


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def processes(mark: str, *, under: int) -> list[int]:
    """Return the pids of living descendants whose command line holds the mark."""
    parents, commands = _table()
    return [pid for pid in commands if mark in commands[pid] and _descends(pid, under, parents)]


def playbooks(*, under: int) -> list[int]:
    """Return the pids of living descendants in which Ansible plays: forks of its supervisors."""
    parents, _ = _table()
    marked = processes("playbook_run", under=under)
    return [pid for pid in marked if parents.get(pid) in marked]


def _table() -> tuple[dict[int, int], dict[int, str]]:
    """Return the parent and the command line of each living process."""
    parents: dict[int, int] = {}
    commands: dict[int, str] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with suppress(OSError):
                fields = (entry / "stat").read_text().rpartition(")")[2].split()
                if fields[0] != "Z":
                    parents[int(entry.name)] = int(fields[1])
                    commands[int(entry.name)] = (entry / "cmdline").read_text().replace("\0", " ")
    return parents, commands


def _descends(pid: int, ancestor: int, parents: Mapping[int, int]) -> bool:
    while pid in parents:
        if pid == ancestor:
            return True
        pid = parents[pid]
    return pid == ancestor


@dataclass
class Stack:
    """`yard up` on a folder and ports of its own."""

    data: Path
    base: int = field(default_factory=free_base)
    environment: Mapping[str, str] = field(default_factory=dict[str, str])
    options: tuple[str, ...] = ()  # more of `yard up`
    starts_within: float = 120.0  # seconds
    process: asyncio.subprocess.Process | None = None
    token: str = ""

    def url(self, service: str) -> str:
        offset = ["gateway", "vm-service", "provisioner", "log-service", "nats", "lab"].index(
            service
        )
        return f"{'https' if service == 'lab' else 'http'}://127.0.0.1:{self.base + offset}"

    def _client(self, service: str, **options: Any) -> httpx.AsyncClient:
        url = self.url(service)
        return httpx.AsyncClient(base_url=url, trust_env=False, timeout=PATIENCE, **options)

    async def start(self) -> None:
        options = ["--data", str(self.data), "--port-base", str(self.base), *self.options]
        self.data.mkdir(parents=True, exist_ok=True)
        with (self.data / "up.log").open("ab") as sink:
            self.process = await asyncio.create_subprocess_exec(
                sys.executable, "-m", "yard_cli", "up", *options,
                cwd=ROOT, env={**os.environ, **self.environment},
                stdout=sink, stderr=sink, start_new_session=True,
            )  # fmt: skip
        await self.ready(within=self.starts_within)

    async def ready(self, *services: str, within: float = 120) -> None:
        for service in services or ("gateway", "vm-service", "provisioner", "log-service"):
            await eventually(lambda s=service: self._is_ready(s), within=within)

    async def _is_ready(self, service: str) -> bool:
        assert self.process is not None
        assert self.process.returncode is None, (self.data / "up.log").read_text()
        async with httpx.AsyncClient(trust_env=False) as client:
            return (await client.get(f"{self.url(service)}/readyz")).status_code == 200

    async def stop(self) -> None:
        if self.process is not None and self.process.returncode is None:
            self.process.terminate()
            try:
                async with asyncio.timeout(40):
                    await self.process.wait()
            except TimeoutError:
                self.process.kill()
                await self.process.wait()

    async def kill_everything(self) -> None:
        """Cut the power: the supervisor and all below it, at once."""
        assert self.process is not None
        pids = [p for mark in MODULES.values() for p in processes(mark, under=self.process.pid)]
        for pid in [self.process.pid, *pids]:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        await self.process.wait()

    def pids(self, service: str) -> list[int]:
        assert self.process is not None
        return processes(MODULES[service], under=self.process.pid)

    def kill(self, service: str) -> None:
        """Kill -9 one service; the supervisor starts it again."""
        found = self.pids(service)
        assert found, f"{service} does not run"
        for pid in found:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)

    async def login(self) -> None:
        """Make the first user if there is none, and log in."""
        secrets = json.loads((self.data / "secrets.json").read_text())
        person = {"username": secrets["username"], "password": secrets["password"]}
        first = {"setup_token": secrets["setup_token"], **person}
        async with self._client("gateway") as client:
            await client.post("/v1/setup", json=first)
            answer = await client.post("/v1/auth/login", json=person)
        assert answer.status_code == 200, answer.text
        self.token = answer.json()["access_token"]

    async def call(self, method: str, path: str, **options: Any) -> httpx.Response:
        answer = await self._asked(method, path, **options)
        if answer.status_code == UNKNOWN and self.token:
            await self.login()  # a token lives a quarter of an hour, some tests live longer
            answer = await self._asked(method, path, **options)
        return answer

    async def _asked(self, method: str, path: str, **options: Any) -> httpx.Response:
        headers = {"Authorization": f"Bearer {self.token}"} | options.pop("headers", {})
        async with self._client("gateway") as client:
            return await client.request(method, path, headers=headers, **options)

    async def deploy(self, game: str = "teeworlds", **options: Any) -> dict[str, Any]:
        answer = await self.call("POST", "/v1/deployments", json={"game": game, **options})
        assert answer.status_code == 202, answer.text
        return answer.json()

    async def operation(self, id: str) -> dict[str, Any]:
        return (await self.call("GET", f"/v1/operations/{id}")).json()

    async def server(self, id: str) -> dict[str, Any]:
        return (await self.call("GET", f"/v1/servers/{id}")).json()

    async def at_step(self, id: str, step: str, *, within: float = 120) -> None:
        """Wait until a step of an operation has begun; it may be over before we look."""

        async def begun() -> bool:
            operation = await self.operation(id)
            if any(s["name"] == step and s["started_at"] for s in operation["steps"]):
                return True
            assert operation["state"] not in TERMINAL, operation
            return False

        await eventually(begun, within=within, every=0.02)

    async def finished(self, id: str, *, within: float = 120) -> dict[str, Any]:
        async def done() -> bool:
            return (await self.operation(id)).get("state") in TERMINAL

        await eventually(done, within=within)
        return await self.operation(id)

    async def log(self, id: str) -> list[dict[str, Any]]:
        """Read an operation's whole log from the log-service."""
        ticket = (await self.call("POST", f"/v1/operations/{id}/log-tickets")).json()
        async with self._client("log-service") as client:
            answer = await client.get(
                f"/v1/operations/{id}/log",
                headers={"Authorization": f"Bearer {ticket['ticket']}"},
                params={"limit": 1000},
            )
        assert answer.status_code == 200, answer.text
        return answer.json()["items"]

    async def lab(self, method: str, path: str, **options: Any) -> Any:
        trust = ssl.create_default_context(cafile=self.data / "lab/tls/ca.pem")
        async with self._client("lab", verify=trust) as client:
            answer = await client.request(method, path, **options)
        assert answer.is_success, answer.text
        return answer.json() if answer.content else None

    async def proxmox(self, path: str) -> Any:
        """Ask the lab as Proxmox, with the product's own token; return what it answers."""
        token = json.loads((self.data / "lab/token.json").read_text())
        proof = {"Authorization": f"PVEAPIToken={token['token_id']}={token['secret']}"}
        return (await self.lab("GET", f"/api2/json/{path}", headers=proof))["data"]

    async def vms(self) -> list[dict[str, Any]]:
        """Return the lab's VMs without its templates."""
        return [vm for vm in await self.lab("GET", "/lab/vms") if not vm.get("template")]


@asynccontextmanager
async def running_stack(stack: Stack) -> AsyncGenerator[Stack]:
    """Start it and log its admin in; stop it at the end, also if it did not start."""
    try:
        await stack.start()
        await stack.login()
        yield stack
    finally:
        await stack.stop()


async def eventually(
    true: Callable[[], Awaitable[bool]], *, within: float, every: float = 0.1
) -> None:
    """Wait until it is true; whatever cannot be reached yet is not true yet."""
    end = time.monotonic() + within
    while time.monotonic() < end:
        with suppress(httpx.TransportError, KeyError):
            if await true():
                return
        await asyncio.sleep(every)
    raise TimeoutError(f"not within {within} s")
