"""Which version of its game a server is to be of after an update."""

from dataclasses import replace

from pydantic import JsonValue

from common.contracts.servers import Lock, ServerSpec
from gateway.domain.errors import Fault, NothingToChange, NoVersions, SettingsRefused
from gateway.domain.game import Game, Settings, checked_settings, envelopes_in
from gateway.domain.server import Server


def updated(server: Server, version: str | None, *, game: Game) -> ServerSpec:
    """Return what the server is to be: of another version, its lock to be made anew.

    Without a ``version``, the newest that its settings allow. Raises ``NoVersions``,
    ``SettingsRefused``, ``NothingToChange``.
    """
    spec, source = server.spec, game.source_of(server.spec.settings)
    settings = spec.settings if version is None else _with(version, spec.settings, game=game)
    if source.setting and not source.moves and not server.half_shaped:
        _check_differs(settings.get(source.setting), spec.settings.get(source.setting), spec.lock)
    return spec.model_copy(
        update={"settings": settings, "game_version": game.version, "lock": None}
    )


def _with(version: str, present: Settings, *, game: Game) -> Settings:
    setting = game.source_of(present).setting
    if setting is None:
        raise NoVersions(
            f"{game.name} comes in one version: the newest that its packages offer.",
            remedy="Ask for an update without a version.",
            faults=(Fault("/version", "is not to be chosen for this game"),),
        )
    try:
        return checked_settings(game, {**present, setting: version}, sealed=envelopes_in(present))
    except SettingsRefused as refused:
        refused.faults = tuple(_renamed(fault, setting) for fault in refused.faults)
        raise


def _renamed(fault: Fault, setting: str) -> Fault:
    is_it = fault.pointer == f"/settings/{setting}"
    return replace(fault, pointer="/version") if is_it else fault


def _is_exact(version: str) -> bool:
    """Tell a version that stays what it is from a name like "latest"."""
    return any(letter.isdigit() for letter in version)


def _check_differs(wanted: JsonValue, present: JsonValue, lock: Lock | None) -> None:
    if not isinstance(wanted, str) or not _is_exact(wanted):
        return
    if wanted == (lock.version if lock else present):
        raise NothingToChange(
            f"The server is of version {wanted} already.",
            remedy="Name another version; GET /v1/games/{id} shows what its setting takes.",
        )
