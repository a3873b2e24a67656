"""What a server is to be once somebody has changed its name, plan or settings."""

from collections.abc import Callable
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from typing import Any, Final

from common.contracts.servers import Plan, ServerSpec
from gateway.domain.errors import (
    DiskCannotShrink,
    Fault,
    NeedsNewWorld,
    NothingToChange,
    NotTogether,
)
from gateway.domain.game import Game, Settings, checked_settings, differing, envelopes_in
from gateway.domain.kind import Kind
from gateway.domain.phase import Phase
from gateway.domain.plan import PLANS, chosen_plan, ensure_large_enough
from gateway.domain.secrets import sealed_settings
from gateway.domain.server import Server

RESTART: Final = "x-restart"  # in a game's schema: what a change of the setting takes
RECREATE_WORLD: Final = "recreate-world"


@dataclass(frozen=True, slots=True, kw_only=True)
class Alteration:
    """What is to be different; ``None`` stays. A setting of ``None`` goes back to its default."""

    name: str | None = None
    plan: str | None = None
    settings: Settings | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """What a server is to be, and which operation brings it there."""

    kind: Kind
    spec: ServerSpec


Seal = Callable[[bytes, str], str]


def altered(server: Server, wanted: Alteration, *, game: Game, seal: Seal) -> Shape:
    """Return what the server is to be. After half a change that may be what it was before.

    Settings are merged by name; secret ones that are not mentioned stay in their envelopes. Those
    that choose the game's version are changed by an update, except of a server that has failed:
    it may be that version that keeps it from coming up. Raises ``SettingsRefused``,
    ``UnknownPlan``, ``PlanTooSmall``, ``DiskCannotShrink``, ``NothingToChange``,
    ``NeedsNewWorld``, ``NotTogether``.
    """
    spec = server.spec
    plan = spec.plan if wanted.plan is None else _larger_plan(spec.plan, wanted.plan, game)
    settings = _merged(spec.settings, wanted.settings, game=game, seal=seal)
    found = spec.model_copy(
        update={"name": wanted.name or spec.name, "plan": plan, "settings": settings}
    )
    if found == spec and (wanted == Alteration() or not server.half_shaped):
        raise NothingToChange(
            "The server is already what it is asked to be.",
            remedy="Send a name, a plan or settings that differ from those it has.",
        )
    changed = differing(game, spec.settings, settings)
    _check_world_stays(game, changed)
    if changed & game.choosing:
        # What has failed gets no snapshot to go back to, and keeps the one that it may have.
        kind = Kind.RECONFIGURE if server.phase is Phase.FAILED else Kind.UPDATE
        return Shape(kind=kind, spec=_of_another_version(spec, found, game))
    goes_back = server.half_shaped and wanted.plan is not None
    resized = goes_back or spec.plan != found.plan
    return Shape(kind=Kind.RESIZE if resized else Kind.RECONFIGURE, spec=found)


def _check_world_stays(game: Game, changed: AbstractSet[str]) -> None:
    properties: dict[str, Any] = game.settings_schema.get("properties", {})
    named = (n for n in sorted(changed) if properties.get(n, {}).get(RESTART) == RECREATE_WORLD)
    faults = tuple(Fault(f"/settings/{name}", "is settled when a world is made") for name in named)
    if faults:
        raise NeedsNewWorld(
            "The server's world was made with other settings, and is not thrown away.",
            remedy="Leave them as they are, or deploy a new server with them.",
            faults=faults,
        )


def _of_another_version(before: ServerSpec, after: ServerSpec, game: Game) -> ServerSpec:
    """Return it as an update is asked for, which has nothing to do with the VM around the game."""
    apart = [name for name in ("name", "plan") if getattr(before, name) != getattr(after, name)]
    if apart:
        raise NotTogether(
            "A game's version is changed by an update, and an update changes nothing else of a VM.",
            remedy=f"Change the {' and the '.join(apart)} first, then the version.",
            faults=tuple(Fault(f"/{name}", "is to be changed by itself") for name in apart),
        )
    return after.model_copy(update={"game_version": game.version, "lock": None})


def _larger_plan(present: Plan, name: str, game: Game) -> Plan:
    plan = chosen_plan(name, recommended=game.plan)
    if plan != present:
        ensure_large_enough(plan, least=game.least)
    if plan.disk_gib < present.disk_gib:
        raise DiskCannotShrink(
            f"The server's disk has {present.disk_gib} GiB, that of the plan {plan.disk_gib}.",
            remedy=_REMEDY.format(", ".join(_plans_with(present.disk_gib))),
            faults=(Fault("/plan", f"must have at least {present.disk_gib} GiB of disk"),),
        )
    return plan


_REMEDY: Final = "Choose one with as large a disk ({}), or deploy a new server of the smaller plan."


def _plans_with(disk_gib: int) -> list[str]:
    return [plan.name for plan in PLANS.values() if plan.disk_gib >= disk_gib]


def _merged(present: Settings, wanted: Settings | None, *, game: Game, seal: Seal) -> Settings:
    if wanted is None:
        return present
    kept = {name: value for name, value in present.items() if name not in wanted}
    # Null takes a setting away, also one the game no longer has; a name nobody knows stays in
    # to be refused: it is a slip of the pen for one that would silently keep its value.
    known = {*present, *game.settings_schema.get("properties", {})}
    given = {n: value for n, value in wanted.items() if value is not None or n not in known}
    complete = checked_settings(game, {**kept, **given}, sealed=envelopes_in(kept))
    return sealed_settings(game.settings_schema, complete, seal=seal)
