"""Where names lead, and which addresses are this machine's."""

import asyncio
import socket
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from typing import Final, Protocol

from common.security.addresses import Address

THREADS: Final = 32  # names asked for at once; those that hang hold up nobody but webhooks
IPV4: Final = 4


class Names(Protocol):
    """Who knows where a name leads."""

    async def resolve(self, host: str, port: int) -> Sequence[str]:
        """Return all its addresses, the best first. Raises ``OSError``."""
        ...


class SystemNames:
    """The system's resolver, in threads of its own."""

    def __init__(self) -> None:
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="names")

    async def resolve(self, host: str, port: int) -> Sequence[str]:
        """Return all addresses of a host."""
        loop = asyncio.get_running_loop()
        found = await loop.run_in_executor(self._threads, _addresses, host, port)
        return tuple(dict.fromkeys(found))

    def close(self) -> None:
        """Let go of the threads; one that still waits ends with its question."""
        self._threads.shutdown(wait=False, cancel_futures=True)


def _addresses(host: str, port: int) -> list[str]:
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return [str(place[0]) for *_, place in found]


def is_ours(address: Address) -> bool:
    """Tell whether an address is one of this machine: only its own can be bound."""
    family = socket.AF_INET if address.version == IPV4 else socket.AF_INET6
    try:
        with closing(socket.socket(family, socket.SOCK_DGRAM)) as trial:
            trial.bind((str(address), 0))
    except OSError:
        return False
    return True
