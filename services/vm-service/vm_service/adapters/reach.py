"""From where a guest is reached: at its own address, or where an HTTP service says."""

import ssl
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
from pydantic import BaseModel, Field, ValidationError

from common.contracts.servers import Endpoint, Port, PublishedPort
from vm_service.domain.trouble import Trouble, Verdict
from vm_service.ports import Reach

SSH = 22
TIMEOUT = httpx.Timeout(10, connect=3)


class DirectReach:
    """Guests are reached at their own addresses."""

    async def endpoint(self, *, vmid: int, address: str, ports: Sequence[Port]) -> Endpoint:  # noqa: ARG002  the port's signature
        """Return the guest's own address, for everything."""
        return Endpoint(
            address=address,
            ssh_host=address,
            ssh_port=SSH,
            public_host=address,
            ports=tuple(_published(port, port.number) for port in ports),
        )


class _TranslatedPort(BaseModel):
    protocol: str
    guest_port: int
    public_port: int = Field(ge=1, le=65_535)


class _Answer(BaseModel):
    ssh_host: str = Field(min_length=1, max_length=255)
    ssh_port: int = Field(ge=1, le=65_535)
    public_host: str = Field(min_length=1, max_length=255)
    ports: tuple[_TranslatedPort, ...] = ()


@dataclass(frozen=True, slots=True)
class UrlReach:
    """Asks an HTTP service; ``url`` holds ``{vmid}``."""

    client: httpx.AsyncClient
    url: str

    async def endpoint(self, *, vmid: int, address: str, ports: Sequence[Port]) -> Endpoint:
        """Return what the service says; ports it does not name are not translated."""
        answer = await self._ask(vmid)
        public = {(port.protocol, port.guest_port): port.public_port for port in answer.ports}
        return Endpoint(
            address=address,
            ssh_host=answer.ssh_host,
            ssh_port=answer.ssh_port,
            public_host=answer.public_host,
            ports=tuple(
                _published(port, public.get((port.protocol, port.number), port.number))
                for port in ports
            ),
        )

    async def _ask(self, vmid: int) -> _Answer:
        try:
            response = await self.client.get(self.url.replace("{vmid}", str(vmid)))
            response.raise_for_status()
            return _Answer.model_validate_json(response.content)
        except (httpx.HTTPError, ValidationError) as error:
            text = f"the service that knows the endpoint of VM {vmid} gave no answer: {error!r}"
            # One that is away for a while comes back; a wrong answer stays wrong.
            away = isinstance(error, httpx.TransportError)
            verdict = Verdict.UNKNOWN if away else Verdict.FAULT
            raise Trouble(verdict, text, "check SPAWNYARD_REACH_URL") from error


def _published(port: Port, public_port: int) -> PublishedPort:
    return PublishedPort(
        name=port.name, protocol=port.protocol, guest_port=port.number, public_port=public_port
    )


@asynccontextmanager
async def url_reach(url: str, *, ca_file: Path | None) -> AsyncGenerator[UrlReach]:
    """Open a ``UrlReach`` that trusts the given CA (default: the system's)."""
    context = ssl.create_default_context(cafile=ca_file)
    async with httpx.AsyncClient(verify=context, timeout=TIMEOUT, trust_env=False) as client:
        yield UrlReach(client, url)


@asynccontextmanager
async def open_reach(url: str | None, *, ca_file: Path | None) -> AsyncGenerator[Reach]:
    """Open what asks at this URL; without one, guests are reached at their own addresses."""
    if url is None:
        yield DirectReach()
        return
    async with url_reach(url, ca_file=ca_file) as reach:
        yield reach
