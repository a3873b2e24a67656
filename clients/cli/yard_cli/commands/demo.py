"""``yard demo``: start everything, deploy a game server, show every step as it happens."""

import asyncio
import time
from collections.abc import Coroutine, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import Annotated, Any, TypeVar

import typer
from pydantic import JsonValue
from rich.console import Console

from common.contracts.ids import new_id
from yard_cli.client.api import gateway
from yard_cli.client.models import Operation, Server
from yard_cli.commands import options
from yard_cli.commands.following import check, stay
from yard_cli.commands.stack import site
from yard_cli.commands.values import Pair, settings_for, typed
from yard_cli.failure import Failure
from yard_cli.interrupts import run
from yard_cli.render import console, plain, show_failure, show_json
from yard_cli.show.live import LiveShow
from yard_cli.show.panel import it_runs
from yard_cli.show.plain import PlainShow
from yard_cli.show.stage import Show
from yard_cli.stack.plan import Site
from yard_cli.stack.session import RunningSite, running
from yard_cli.stack.stand_ins import SETTINGS
from yard_cli.stack.template import ensure_template

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """What the demo brought about."""

    server: Server
    operation: Operation
    log_lines: int
    seconds: float

    @property
    def is_running(self) -> bool:
        """Tell whether the server came up."""
        return self.operation.state == "succeeded" and self.server.phase == "running"


def demo(  # noqa: PLR0913, PLR0917  each is an option of the command
    once: Annotated[bool, typer.Option("--once", help="Stop all when the server runs.")] = False,
    vm: options.Vm = False,
    game: Annotated[
        str, typer.Option(help="The game to deploy; which there are: ./yard games.")
    ] = "luanti",
    settings: Annotated[
        list[str] | None,
        typer.Option("--set", "-s", metavar="KEY=VALUE", help="A setting; see: ./yard games GAME."),
    ] = None,
    data: options.Data = None,
    port_base: options.PortBase = options.PORT_BASE,
    as_json: options.Json = False,
) -> None:
    """Start everything, deploy a game server and watch it come up.

    Nothing is accepted in your name: a game with a vendor's terms is played
    by a small server of our own, unless you accept them (--set eula=true).
    """
    out = console(to_stderr=as_json)
    pairs = typed(settings or (), ())
    stands_in = not pairs and game in SETTINGS
    here = site(data=data, port_base=port_base, vm=vm, stand_ins=stands_in)
    wish = Wish(game=game, pairs=pairs, settings=SETTINGS[game] if stands_in else {})
    scene = Scene(here=here, wish=wish, once=once, as_json=as_json, out=out)
    try:
        run(scene.play())
    except KeyboardInterrupt:
        out.print("stopped")
    raise typer.Exit(scene.exit_code)


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """What is deployed: settings as typed, or those of a stand-in."""

    game: str
    pairs: Sequence[Pair]
    settings: Mapping[str, JsonValue]


class Scene:
    """One performance of the demo."""

    def __init__(self, *, here: Site, wish: Wish, once: bool, as_json: bool, out: Console) -> None:
        self._here = here
        self._wish = wish
        self._once = once
        self._as_json = as_json
        self._out = out
        self._began = time.monotonic()
        self.exit_code = 130

    async def play(self) -> None:
        """Start, deploy, report; then stay, unless once is enough."""
        show = LiveShow(self._out) if self._out.is_terminal else PlainShow(self._out)
        async with AsyncExitStack() as ends:
            with show:
                if self._here.guests == "qemu":
                    await ensure_template(show.say, java=self._here.stand_ins)
                show.say("starting the bus, the lab and the four services")
                stack = await ends.enter_async_context(running(self._here, tell=show.news))
                result = await unless_it_breaks(stack, self._deploy(stack, show))
            self.exit_code = 0 if result.is_running else 1
            self._report(result)
            if not self._once:
                self._out.print("everything stays up until Ctrl-C")
                await stack.watch()

    async def _deploy(self, stack: RunningSite, show: Show) -> Result:
        async with gateway(stack.url, credentials=stack.credentials) as api:
            game = self._wish.game
            if self._here.stand_ins:
                self._out.print(f"{game}: a stand-in of our own; the vendor's: --set eula=true")
            show.say(f"asking for a server: {game}")
            settings = dict(self._wish.settings)
            if self._wish.pairs:
                settings = settings_for(await api.game(game), self._wish.pairs)
            wanted: dict[str, JsonValue] = {"game": game, "settings": settings}
            asked = await api.deploy(wanted, key=new_id("request"))
            show.say(f"{asked.id}: deploying {game}")
            outcome = await stay(api, asked.id, on_line=show.line, on_change=show.operation)
            return Result(
                server=await api.server(asked.server_id),
                operation=outcome.operation,
                log_lines=outcome.log_lines,
                seconds=time.monotonic() - self._began,
            )

    def _report(self, result: Result) -> None:
        if result.is_running:
            panel = it_runs(self._here, result.server, result.operation, stays=not self._once)
            self._out.print(panel)
        else:
            try:
                check(result.operation)
            except Failure as failure:
                show_failure(failure, as_json=False)
        if self._as_json:
            show_json(summary(result))


async def unless_it_breaks(stack: RunningSite, work: Coroutine[Any, Any, T]) -> T:
    """Return what ``work`` returns; give it up if a process cannot be kept running."""
    working = asyncio.ensure_future(work)
    watching = asyncio.ensure_future(stack.watch())
    try:
        await asyncio.wait((working, watching), return_when=asyncio.FIRST_COMPLETED)
        if not working.done():
            await watching
        return await working
    finally:
        working.cancel()
        watching.cancel()
        await asyncio.gather(working, watching, return_exceptions=True)


def summary(result: Result) -> Mapping[str, object]:
    """Return what ``--json`` prints: the server, the operation with its timings, the log."""
    steps = [
        {**step.model_dump(mode="json"), "seconds": step.seconds} for step in result.operation.steps
    ]
    operation = {**result.operation.model_dump(mode="json"), "steps": steps}
    return {
        "server": plain(result.server),
        "operation": operation | {"seconds": result.operation.seconds},
        "log_lines": result.log_lines,
        "seconds": round(result.seconds, 3),
    }
