"""What protocols over UDP have in common: a datagram comes in, at most one goes back."""

import asyncio
from collections.abc import Mapping
from typing import cast

FACT = "fact:"  # not a name that a settings file can hold


class Datagrams(asyncio.DatagramProtocol):
    """Meets every datagram with silence; protocols answer those they understand."""

    def __init__(self, settings: Mapping[str, str]) -> None:
        """Take the settings the server was started with."""
        self.settings = settings
        self._transport: asyncio.DatagramTransport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Remember where answers go out."""
        self._transport = cast("asyncio.DatagramTransport", transport)

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        """Send the answer, if there is one."""
        answer = self.answer(data, addr)
        if self._transport is not None and answer:
            self._transport.sendto(answer, addr)

    def answer(self, data: bytes, caller: tuple[str, int]) -> bytes:  # noqa: ARG002  protocols do
        """What goes back; nothing here."""
        return b""

    def fact(self, name: str, default: str = "") -> str:
        """What the programs table says of the server, its settings filled in."""
        return self.settings.get(FACT + name) or default
