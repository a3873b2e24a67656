"""``python -m proxmox_lab``: run the lab."""

import argparse
import asyncio
import contextlib
import errno
import json
import logging
import signal
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Final

from proxmox_lab.guests.hollow import HollowGuests
from proxmox_lab.guests.port import Guests
from proxmox_lab.guests.simulated import SimulatedGuests
from proxmox_lab.house import TOKEN_FILE, Plan, running
from proxmox_lab.release import RELEASES
from proxmox_lab.replay.command import replay

PORT_TAKEN: Final = 3
GUESTS: Final[Mapping[str, Callable[[argparse.Namespace], Guests]]] = {
    "simulated": lambda chosen: SimulatedGuests(chosen.data / "guests"),
    "hollow": lambda _: HollowGuests(),
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Read the command line and do as it says; returns the exit code."""
    given = sys.argv[1:] if arguments is None else list(arguments)
    if given[:1] == ["replay"]:
        return replay(given[1:])
    parser = argparse.ArgumentParser(prog="python -m proxmox_lab", description=__doc__)
    _add_serving(parser)
    chosen = parser.parse_args(given)
    logging.basicConfig(
        level=logging.INFO, stream=sys.stderr, format="%(levelname)s %(name)s %(message)s"
    )
    return asyncio.run(_serve(chosen))


def _add_serving(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--data", type=Path, default=Path("data/lab"), help="where it keeps its state"
    )
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=8006)
    parser.add_argument("--guests", choices=sorted(GUESTS), default="simulated")
    parser.add_argument("--pve", choices=sorted(RELEASES), default="9.2", help="release to be")
    parser.add_argument("--speed", type=float, default=1.0, help="divide every wait by this")


async def _serve(chosen: argparse.Namespace) -> int:
    plan = Plan(
        data=chosen.data,
        guests=GUESTS[chosen.guests](chosen),
        release=RELEASES[chosen.pve],
        host=chosen.host,
        port=chosen.port,
        speed=chosen.speed,
    )
    ended = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, ended.set)
    try:
        async with running(plan):
            _announce(plan)
            await ended.wait()
    except OSError as failure:
        if failure.errno != errno.EADDRINUSE:
            raise
        _complain(f"port {plan.port} on {plan.host} is taken; choose another with --port")
        return PORT_TAKEN
    return 0


def _announce(plan: Plan) -> None:
    token = json.loads((plan.data / TOKEN_FILE).read_text())
    shown = f"Proxmox VE {plan.release.version} lab ready: https://{plan.host}:{plan.port}"
    sys.stdout.write(
        f"{shown} token {token['token_id']} in {plan.data / TOKEN_FILE}, "
        f"CA {plan.data / 'tls' / 'ca.pem'}\n"
    )
    sys.stdout.flush()


def _complain(text: str) -> None:
    sys.stderr.write(f"lab: {text}\n")


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt):
        sys.exit(main())
