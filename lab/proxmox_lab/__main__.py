"""``python -m proxmox_lab``: run the lab."""

import argparse
import asyncio
import contextlib
import errno
import json
import logging
import resource
import signal
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Final

from proxmox_lab.command import talk
from proxmox_lab.guests.hollow import HollowGuests
from proxmox_lab.guests.port import GuestFailure, Guests
from proxmox_lab.guests.qemu import open_guests
from proxmox_lab.guests.simulated import SimulatedGuests
from proxmox_lab.house import DataInUse, Plan, running
from proxmox_lab.release import RELEASES
from proxmox_lab.replay.command import replay
from proxmox_lab.site.opening import TOKEN_FILE
from proxmox_lab.standins.command import offer
from proxmox_lab.template.__main__ import DEFAULT_CACHE
from proxmox_lab.template.__main__ import main as make_template

PORT_TAKEN: Final = 3
DATA_UNUSABLE: Final = 4
NO_GUESTS: Final = 5
MOST_NODES: Final = 32  # what a real cluster bears
_COMMANDS: Final[Mapping[str, Callable[[Sequence[str]], int]]] = {
    "template": lambda given: make_template(given[1:]),
    "standins": lambda given: offer(given[1:]),
    "replay": lambda given: replay(given[1:]),
    "fault": talk,
    "history": talk,
    "clock": talk,
}
_OTHERS: Final = """commands of their own, each with --help:
  template   build what real machines are cloned from; list and prune it
  standins   offer small servers in the place of games' own downloads
  fault      have a running lab make trouble
  history    what was done to a running lab's machines
  clock      how fast time passes in a running lab
  replay     hold the lab against a recording of a real Proxmox
"""
GUESTS: Final[Mapping[str, Callable[[argparse.Namespace], Guests]]] = {
    "simulated": lambda chosen: SimulatedGuests(chosen.data / "guests"),
    "qemu": lambda chosen: open_guests(
        chosen.templates.expanduser(), stop_on_close=chosen.stop_guests
    ),
    "hollow": lambda _: HollowGuests(),
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Read the command line and do as it says; returns the exit code."""
    given = sys.argv[1:] if arguments is None else list(arguments)
    if command := _COMMANDS.get(given[0] if given else ""):
        return command(given)
    parser = argparse.ArgumentParser(
        prog="yard lab",
        description="Run the lab: a server that plays Proxmox VE, with machines of its own.",
        epilog=_OTHERS,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    _add_serving(parser)
    chosen = parser.parse_args(given)
    logging.basicConfig(
        level=logging.INFO, stream=sys.stderr, format="%(levelname)s %(name)s %(message)s"
    )
    logging.getLogger("asyncssh").setLevel(logging.WARNING)  # it tells every step of every login
    return asyncio.run(_serve(chosen))


def _add_serving(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--data", type=Path, default=Path("data/lab"), help="where it keeps its state (%(default)s)"
    )
    parser.add_argument(
        "--host", default="127.0.0.1", help="address that it listens on (%(default)s)"
    )
    parser.add_argument("--port", type=int, default=8006, help="and the port (%(default)s)")
    parser.add_argument(
        "--guests", choices=sorted(GUESTS), default="simulated",
        help="what is in machines: simulated systems, real ones by QEMU, nothing (%(default)s)",
    )  # fmt: skip
    parser.add_argument(
        "--templates", type=Path, default=DEFAULT_CACHE,
        help="for qemu: where its template was built (%(default)s)",
    )  # fmt: skip
    parser.add_argument(
        "--stop-guests", action="store_true", help="for qemu: end machines with the lab"
    )
    parser.add_argument(
        "--pve", choices=sorted(RELEASES), default="9.2", help="release to be (%(default)s)"
    )
    parser.add_argument(
        "--nodes", type=_count, default=1,
        help="how many nodes: pve, pve2, pve3 and so on (%(default)s)",
    )  # fmt: skip
    parser.add_argument(
        "--speed", type=_speed, default=1.0, help="divide every wait by this (%(default)s)"
    )


def _speed(text: str) -> float:
    speed = float(text)
    if speed <= 0:
        raise argparse.ArgumentTypeError("must be greater than 0")
    return speed


def _count(text: str) -> int:
    count = int(text)
    if not 1 <= count <= MOST_NODES:
        raise argparse.ArgumentTypeError(f"must be from 1 to {MOST_NODES}")
    return count


async def _serve(chosen: argparse.Namespace) -> int:
    try:
        await _run(chosen)
    except DataInUse as refused:
        return _complain(f"{refused}; stop it or choose another folder with --data", DATA_UNUSABLE)
    except GuestFailure as refused:
        return _complain(str(refused), NO_GUESTS)
    except OSError as failure:
        if failure.errno == errno.EADDRINUSE:
            where = f"port {chosen.port} on {chosen.host}"
            return _complain(f"{where} is taken; choose another with --port", PORT_TAKEN)
        return _complain(f"{failure}; choose another folder with --data", DATA_UNUSABLE)
    return 0


async def _run(chosen: argparse.Namespace) -> None:
    plan = Plan(
        data=chosen.data,
        guests=GUESTS[chosen.guests](chosen),
        release=RELEASES[chosen.pve],
        host=chosen.host,
        port=chosen.port,
        speed=chosen.speed,
        nodes=chosen.nodes,
    )
    _raise_descriptor_limit()
    ended = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, ended.set)
    async with running(plan):
        _announce(plan)
        await ended.wait()


def _raise_descriptor_limit() -> None:
    """Each running guest takes two descriptors: take as many as the system lets us."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def _announce(plan: Plan) -> None:
    token = json.loads((plan.data / TOKEN_FILE).read_text())
    shown = f"Proxmox VE {plan.release.version} lab ready: https://{plan.host}:{plan.port}"
    sys.stdout.write(
        f"{shown} token {token['token_id']} in {plan.data / TOKEN_FILE}, "
        f"CA {plan.data / 'tls' / 'ca.pem'}\n"
    )
    sys.stdout.flush()


def _complain(text: str, code: int) -> int:
    sys.stderr.write(f"lab: {text}\n")
    return code


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt):
        sys.exit(main())
