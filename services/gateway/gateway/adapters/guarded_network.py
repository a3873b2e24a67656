"""Connections to addresses that were checked: resolved once, and connected to as they are.

Whatever a name server says a moment later, or a URL in a spelling that two parsers read in two
ways: the address that is connected to is the one that was looked at.
"""

import asyncio
import ssl
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import cast

import httpcore

from common.security.addresses import CLOSED, Address, Allowance, parsed, unmapped
from gateway.adapters.names import Names, is_ours
from gateway.ports.sender import NotSent, Reason


def direct_network() -> httpcore.AsyncNetworkBackend:
    """Return the network as it is; an address that it is given is connected to and not resolved."""
    # Its library shows a stand-in to type checkers, for those who lack anyio.
    return cast("httpcore.AsyncNetworkBackend", httpcore.AnyIOBackend())


@dataclass(frozen=True, kw_only=True)
class GuardedNetwork(httpcore.AsyncNetworkBackend):
    """Connects where the allowance lets it. ``encrypted``: TLS is spoken over what is connected."""

    allowance: Allowance
    encrypted: bool
    names: Names
    network: httpcore.AsyncNetworkBackend
    ours: Callable[[Address], bool] = is_ours

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        """Connect to one of a host's addresses. Raises ``NotSent`` if but one is refused."""
        trouble: Exception = httpcore.ConnectError("no address")
        for address in await self._checked(host, port):
            try:
                return Stream(
                    await self.network.connect_tcp(
                        str(address), port, timeout, local_address, socket_options
                    )
                )
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as error:
                trouble = error
        raise trouble

    async def sleep(self, seconds: float) -> None:
        """Wait."""
        await asyncio.sleep(seconds)

    async def _checked(self, host: str, port: int) -> Sequence[Address]:
        found = await self._find(host, port)
        if not found:
            raise NotSent(Reason.CONNECTION, "The host's name does not resolve.")
        for address in found:
            reason = self.allowance.refusal(address, port, encrypted=self.encrypted)
            if reason is None and await self._is_closed(address, port):
                reason = CLOSED
            if reason is not None:
                raise NotSent(Reason.REFUSED, f"The host has an address that is {reason}.")
        return found

    async def _find(self, host: str, port: int) -> Sequence[Address]:
        literal = parsed(host)
        if literal is not None:
            return (literal,)
        try:
            texts = await self.names.resolve(host, port)
        except (OSError, UnicodeError):
            return ()
        found = [parsed(text) for text in texts]
        if None in found:
            raise NotSent(Reason.REFUSED, "The host has an address of the link it is on.")
        return [address for address in found if address is not None]

    async def _is_closed(self, address: Address, port: int) -> bool:
        """Tell whether a closed host is at the address, or both are this machine."""
        inner, there = unmapped(address), set[Address]()
        for host in self.allowance.closed_hosts(port):
            found = await self._find(host, port)
            if not found and self.allowance.opens(address):
                return True  # it may be this one: nobody knows, and inner networks are ours
            there.update(unmapped(one) for one in found)
        return inner in there or (self.ours(inner) and any(self.ours(one) for one in there))


class Stream(httpcore.AsyncNetworkStream):
    """A connection that is closed whatever happens while TLS begins, and says that it was TLS."""

    def __init__(self, stream: httpcore.AsyncNetworkStream) -> None:
        self._stream = stream

    async def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        """Read."""
        return await self._stream.read(max_bytes, timeout)

    async def write(self, buffer: bytes, timeout: float | None = None) -> None:
        """Write."""
        await self._stream.write(buffer, timeout)

    async def aclose(self) -> None:
        """Close."""
        await self._stream.aclose()

    async def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,
    ) -> httpcore.AsyncNetworkStream:
        """Speak TLS from now on."""
        try:
            return await self._stream.start_tls(ssl_context, server_hostname, timeout)
        except httpcore.ConnectError as error:
            raise NotSent(Reason.TLS, _of_tls(error)) from error
        except asyncio.CancelledError:
            await self.aclose()
            raise

    def get_extra_info(self, info: str) -> object:
        """Tell about the connection."""
        return self._stream.get_extra_info(info)


def _of_tls(error: Exception) -> str:
    cause = error.args[0] if error.args else None
    if isinstance(cause, ssl.SSLCertVerificationError):
        return f"The certificate is not accepted: {cause.verify_message}."
    return "The host does not speak TLS as it should."
