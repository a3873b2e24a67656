"""``yard bench``: measure, and say whether the goals hold."""

from collections.abc import Mapping
from typing import Annotated, Final

import typer

from yard_cli.bench import MEANINGS, Figure, Options, find
from yard_cli.commands import options
from yard_cli.interrupts import run
from yard_cli.render import show_json, show_table

HELP: Final = "\n".join(
    (
        "Measure one thing; every figure comes with its goal and what it was compared with.",
        "",
        *(f"{name:10} {meaning}" for name, meaning in MEANINGS.items()),
    )
)


def bench(  # noqa: PLR0913, PLR0917  each is an option of the command
    name: Annotated[str, typer.Argument(help="Which of those above.")],
    cold: Annotated[
        bool, typer.Option("--cold", help="For demo: with the set-up of .venv.")
    ] = False,
    runs: Annotated[
        int, typer.Option(help="Runs of which the median is taken; not for lab, memory.", min=1)
    ] = 3,
    at_once: Annotated[
        list[int] | None, typer.Option(help="For pipeline: how many at once.", min=1)
    ] = None,
    vm: Annotated[
        bool, typer.Option("--vm", help="For ready: real virtual machines, by QEMU.")
    ] = False,
    postgresql: Annotated[
        bool, typer.Option("--postgresql", help="For webhooks: on PostgreSQL, not SQLite.")
    ] = False,
    port_base: options.PortBase = 18_080,
    as_json: options.Json = False,
) -> None:
    """Measure one thing; every figure comes with its goal and what it was compared with."""

    async def measure() -> list[Figure]:
        wanted = Options(cold=cold, runs=runs, port_base=port_base, vm=vm, postgresql=postgresql)
        if at_once:
            wanted = wanted.model_copy(update={"at_once": tuple(at_once)})
        return list(await find(name)(wanted))

    figures = run(measure())
    if as_json:
        show_json({"bench": name, "figures": [_as_json(figure) for figure in figures]})
        return
    columns = ("FIGURE", "VALUE", "UNIT", "GOAL", "HOLDS", "COMPARED WITH")
    show_table(columns, [_row(figure) for figure in figures])


def _as_json(figure: Figure) -> Mapping[str, object]:
    return {**figure.model_dump(exclude={"better"}), "holds": figure.holds}


def _row(figure: Figure) -> tuple[str, ...]:
    sign = "≤" if figure.better == "lower" else "≥"
    goal = "" if figure.goal is None else f"{sign} {figure.goal:g}"
    holds = {None: "", True: "yes", False: "no"}[figure.holds]
    value = f"{figure.value:.3g}" if abs(figure.value) < 100 else f"{figure.value:.0f}"  # noqa: PLR2004  three digits
    return (figure.name, value, figure.unit, goal, holds, figure.compared_with or "")
