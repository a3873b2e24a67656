"""``yard status``: the health of all processes at a glance."""

import asyncio
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import httpx
import typer

from yard_cli.commands import options
from yard_cli.commands.target import running_folder, target
from yard_cli.interrupts import run
from yard_cli.render import show_json, show_table
from yard_cli.stack.folder import DataFolder
from yard_cli.stack.plan import MODULES, lab_answers
from yard_cli.stack.ports import HOST, Ports
from yard_cli.stack.readiness import answers_nats


@dataclass(frozen=True, slots=True, kw_only=True)
class Health:
    """How one process is. ``ailing`` names what it waits for."""

    process: str
    state: str
    address: str
    milliseconds: float
    ailing: tuple[str, ...] = ()


def status(
    url: options.Url = None, data: options.Data = None, as_json: options.Json = False
) -> None:
    """Show the health of all services."""
    found = run(healths(url, data))
    if as_json:
        show_json({"healths": [_as_json(health) for health in found]})
    else:
        rows = [
            (one.process, one.state, one.address, f"{one.milliseconds:.0f} ms", _list(one.ailing))
            for one in found
        ]
        show_table(("PROCESS", "STATE", "ADDRESS", "ANSWERED IN", "WAITS FOR"), rows)
    if any(health.state != "ready" for health in found):
        raise typer.Exit(1)


async def healths(url: str | None, data: Path | None) -> Sequence[Health]:
    """Ask every process how it is; of an installation elsewhere, the gateway alone."""
    return await (_elsewhere(url) if url else _here(data))


async def _here(data: Path | None) -> Sequence[Health]:
    folder, running = running_folder(data)
    ports = Ports(running.base_port)
    services = (_service(name, ports.url(name)) for name in MODULES)
    return await asyncio.gather(*services, _nats(ports), _lab(folder, ports))


async def _elsewhere(url: str | None) -> Sequence[Health]:
    return [await _service("gateway", target(url, None).url)]


async def _service(name: str, url: str) -> Health:
    began = time.monotonic()
    state, ailing = "down", ()
    try:
        async with httpx.AsyncClient(timeout=5, trust_env=False) as http:
            response = await http.get(f"{url}/readyz")
        state = "ready" if response.is_success else "waiting"
        ailing = () if response.is_success else _ailing(response.json())
    except (httpx.HTTPError, ValueError):
        pass
    return _health(name, state, url, began=began, ailing=ailing)


async def _nats(ports: Ports) -> Health:
    began = time.monotonic()
    port = ports.of("nats")
    state = "ready" if await answers_nats(HOST, port)() else "down"
    return _health("nats", state, f"nats://{HOST}:{port}", began=began)


async def _lab(folder: DataFolder, ports: Ports) -> Health:
    began = time.monotonic()
    url = ports.url("lab")
    state = "ready" if await lab_answers(folder, ports)() else "down"
    return _health("lab", state, url, began=began)


def _health(
    process: str, state: str, address: str, *, began: float, ailing: tuple[str, ...] = ()
) -> Health:
    return Health(
        process=process,
        state=state,
        address=address,
        milliseconds=(time.monotonic() - began) * 1000,
        ailing=ailing,
    )


def _ailing(answer: Mapping[str, object]) -> tuple[str, ...]:
    checks = answer.get("checks", answer)
    if not isinstance(checks, Mapping):
        return ()
    return tuple(f"{name}: {said}" for name, said in checks.items() if said != "ok")  # pyright: ignore[reportUnknownVariableType]  another service's words


def _list(words: tuple[str, ...]) -> str:
    return ", ".join(words)


def _as_json(health: Health) -> Mapping[str, object]:
    return {
        "process": health.process,
        "state": health.state,
        "address": health.address,
        "milliseconds": round(health.milliseconds, 1),
        "waits_for": health.ailing,
    }
