"""Asks an address whether somebody lives there already, before a guest gets it."""

import asyncio
import errno
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from typing import Final

PORTS: Final = (22, 80, 443)
PATIENCE: Final = 0.5  # seconds; a neighbour answers within milliseconds

Connect = Callable[[str, int], Awaitable[None]]


async def connect(host: str, port: int) -> None:
    """Open a TCP connection and close it again. Raises ``OSError`` if nobody takes it."""
    _, writer = await asyncio.open_connection(host, port)
    writer.close()
    with suppress(OSError):
        await writer.wait_closed()


class TcpProbe:
    """Knocks at a few ports: whoever answers lives there, and so does whoever refuses."""

    def __init__(
        self,
        *,
        connect: Connect = connect,
        ports: Sequence[int] = PORTS,
        patience: float = PATIENCE,
    ) -> None:
        self._connect = connect
        self._ports = ports
        self._patience = patience

    async def is_taken(self, address: str) -> bool:
        """Tell whether anybody answers at the address; silence means that nobody does."""
        answers = await asyncio.gather(*(self._answers(address, port) for port in self._ports))
        return any(answers)

    async def _answers(self, address: str, port: int) -> bool:
        try:
            async with asyncio.timeout(self._patience):
                await self._connect(address, port)
        except TimeoutError:
            return False
        except OSError as error:
            return error.errno == errno.ECONNREFUSED
        return True
