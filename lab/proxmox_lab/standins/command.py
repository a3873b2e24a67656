"""``standins``: compile the stand-ins and offer them on loopback until told to end."""

import argparse
import asyncio
import errno
import logging
import signal
import sys
from collections.abc import Sequence
from typing import Final

from proxmox_lab.standins.jars import CannotCompile, Jar, compiled, pack
from proxmox_lab.standins.mirror import mirror
from proxmox_lab.standins.vendor import BREAKING, VERSIONS, offered

PORT_TAKEN: Final = 3


def offer(given: Sequence[str]) -> int:
    """Do as the command line says and return the exit code."""
    parser = argparse.ArgumentParser(
        prog="yard lab standins",
        description="Compile the stand-ins and offer them on loopback until told to end.",
    )
    parser.add_argument(
        "--port", type=int, default=8086, help="on which they are offered (%(default)s)"
    )
    chosen = parser.parse_args(given)
    logging.basicConfig(level=logging.INFO, stream=sys.stderr, format="%(levelname)s %(message)s")
    try:
        classes = compiled()
        jars = [pack(classes, version, breaks=version == BREAKING) for version in VERSIONS]
        asyncio.run(_serve(chosen.port, jars))
    except CannotCompile as refusal:
        return _complain(f"{refusal}\nremedy: {refusal.remedy}", 1)
    except OSError as failure:
        if failure.errno != errno.EADDRINUSE:
            raise
        return _complain(f"port {chosen.port} is taken; choose another with --port", PORT_TAKEN)
    return 0


async def _serve(port: int, jars: Sequence[Jar]) -> None:
    ended = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, ended.set)
    async with mirror(offered(jars), port) as address:
        sys.stdout.write(f"stand-ins ready: SPAWNYARD_DOWNLOAD_BASE={address}\n")
        sys.stdout.flush()
        await ended.wait()


def _complain(text: str, code: int) -> int:
    sys.stderr.write(f"standins: {text}\n")
    return code
