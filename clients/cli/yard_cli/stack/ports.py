"""The ports of an embedded stack: six in a row, from a base the user can choose.

What a stack may have besides comes behind them.
"""

import socket
import time
from dataclasses import dataclass
from typing import Final

from yard_cli.failure import Failure

DEFAULT_BASE: Final = 8080
HOST: Final = "127.0.0.1"
NAMES: Final = ("gateway", "vm-service", "provisioner", "log-service", "nats", "lab")
BESIDES: Final = ("stand-ins",)


@dataclass(frozen=True, slots=True)
class Ports:
    """The ports that follow from ``base``."""

    base: int = DEFAULT_BASE

    def of(self, process: str) -> int:
        """Return the port of a process."""
        return self.base + (NAMES + BESIDES).index(process)

    def url(self, process: str) -> str:
        """Return the address of a process that speaks HTTP."""
        return f"{'https' if process == 'lab' else 'http'}://{HOST}:{self.of(process)}"

    @property
    def gateway(self) -> int:
        """The gateway's port, which is the base."""
        return self.base

    def check(self, *besides: str, patience: float = 3.0) -> None:
        """Raise if a port is taken, once those of a stack just killed had time to come free."""
        ends = time.monotonic() + patience
        while taken := [name for name in (*NAMES, *besides) if not _is_free(self.of(name))]:
            if time.monotonic() >= ends:
                first = ", ".join(f"{self.of(name)} (for {name})" for name in taken)
                raise Failure(
                    f"already taken on {HOST}: port {first}",
                    f"choose six free ports in a row: --port-base {self.base + 1000}",
                )
            time.sleep(0.1)


def _is_free(port: int) -> bool:
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError:
            return False
    return True
