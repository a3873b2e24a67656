"""Which version of its game a server is to be of after an update."""

from typing import Final

from common.contracts.servers import ServerSpec
from gateway.domain.errors import Fault, NothingToChange, NoVersions, SettingsRefused
from gateway.domain.game import Game, Settings, checked_settings, envelopes_in
from gateway.domain.server import Server

SETTING: Final = "version"
_POINTER: Final = f"/settings/{SETTING}"


def updated(server: Server, version: str | None, *, game: Game) -> ServerSpec:
    """Return what the server is to be: of another version, its lock to be made anew.

    Without a ``version``, the newest that its settings allow. Raises ``NoVersions``,
    ``SettingsRefused``, ``NothingToChange``.
    """
    spec = server.spec
    settings = spec.settings if version is None else _with(version, spec.settings, game=game)
    wanted = settings.get(SETTING)
    if isinstance(wanted, str) and _is_exact(wanted) and not server.half_shaped:
        _check_differs(wanted, present=spec)
    return spec.model_copy(
        update={"settings": settings, "game_version": game.version, "lock": None}
    )


def _with(version: str, present: Settings, *, game: Game) -> Settings:
    if SETTING not in game.settings_schema.get("properties", {}):
        raise NoVersions(
            f"{game.name} comes in one version: the newest that its packages offer.",
            remedy="Ask for an update without a version.",
            faults=(Fault("/version", "is not to be chosen for this game"),),
        )
    try:
        return checked_settings(game, {**present, SETTING: version}, sealed=envelopes_in(present))
    except SettingsRefused as refused:
        refused.faults = tuple(map(_renamed, refused.faults))
        raise


def _renamed(fault: Fault) -> Fault:
    return Fault("/version", fault.detail) if fault.pointer == _POINTER else fault


def _is_exact(version: str) -> bool:
    """Tell a version that stays what it is from a name like "latest"."""
    return any(letter.isdigit() for letter in version)


def _check_differs(wanted: str, *, present: ServerSpec) -> None:
    known = present.lock.version if present.lock else present.settings.get(SETTING)
    if wanted == known:
        raise NothingToChange(
            f"The server is of version {wanted} already.",
            remedy="Name another version; GET /v1/games/{id} tells those there are.",
        )
