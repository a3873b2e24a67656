"""The catalogue on disk: ``games/<id>/`` below the playbooks."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

import yaml
from jsonschema import Draft202012Validator
from pydantic import JsonValue

from provisioner.adapters.playbook_digest import played
from provisioner.adapters.task_count import count_tasks
from provisioner.domain.errors import StepFailed
from provisioner.domain.game import Game, Query, Sign, variant, varied
from provisioner.domain.roster import Roster, roster

GAME_ID: Final = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
HANG: Final = 900  # seconds
# What reading a folder may raise that somebody is still writing at.
UNREADABLE: Final = (
    *(AttributeError, LookupError, OSError, TypeError, ValueError, re.error, yaml.YAMLError),
)
NO_SETTINGS: Final[Mapping[str, JsonValue]] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class GameFolders:
    """Reads game folders anew each time, so that an edited one counts at once."""

    playbooks: Path

    def find(self, game_id: str, settings: Mapping[str, JsonValue] = NO_SETTINGS) -> Game:
        """Return what the manifest says, of the variant that the settings choose.

        Raises ``StepFailed`` if there is no such game, or none that can be read.
        """
        folder = self._folder(game_id)
        try:
            return self._read(folder, settings)
        except UNREADABLE as error:
            raise StepFailed(
                f"the folder of the game {game_id!r} cannot be read: {error!r:.200}",
                remedy=f"`yard games lint playbooks/games/{game_id}` says what is wrong with it.",
            ) from error

    def _read(self, folder: Path, settings: Mapping[str, JsonValue]) -> Game:
        whole = _manifest(folder)
        chosen = {**_defaults(folder), **settings}
        manifest = varied(whole, chosen)
        properties: dict[str, Any] = _schema(folder).get("properties", {})
        secrets = (name for name, schema in properties.items() if schema.get("x-secret"))
        quiet = {name for name, of in properties.items() if of.get("x-restart") == "none"}
        inner = (port for port in manifest["ports"] if port.get("expose") == "loopback")
        fixed = (port["name"] for port in manifest["ports"] if port.get("same_outside"))
        return Game(
            id=manifest["id"],
            version=manifest["version"],
            unit=manifest["unit"],
            connect=manifest["connect"],
            port=_front_door(manifest),
            query=_query(manifest, chosen),
            sign=_sign(manifest["ready"]),
            ready_timeout=manifest["ready"]["timeout"],
            tasks=count_tasks(self.playbooks, folder),
            tasks_of_bake=count_tasks(self.playbooks, folder, playbook="bake.yml"),
            hang=manifest.get("hang", HANG),
            secrets=frozenset(secrets),
            quiet=frozenset(quiet),
            played=played(self.playbooks, folder) if quiet else "",
            roster=_roster(manifest),
            inner_ports={port["name"]: port["number"] for port in inner},
            directory=manifest.get("service", {}).get("directory"),
            variant=variant(whole, chosen),
            source=manifest.get("source", {}),
            fixed_ports=frozenset(fixed),
        )

    def complete(self, game: Game, settings: Mapping[str, JsonValue]) -> dict[str, JsonValue]:
        """Return the settings with defaults filled in. Raises ``StepFailed`` if not valid."""
        folder = self._folder(game.id)
        schema = _schema(folder)
        full = {**_defaults(folder), **settings}
        for error in Draft202012Validator(schema).iter_errors(full):  # pyright: ignore[reportUnknownMemberType]  untyped in its stubs
            # The value is not repeated: it may be a secret.
            raise StepFailed(
                f"the setting {error.json_path} does not fit the game's schema ({error.validator})",
                remedy="Deploy again with settings the game's schema allows.",
            )
        return full

    def _folder(self, game_id: str) -> Path:
        folder = self.playbooks / "games" / game_id
        if not GAME_ID.fullmatch(game_id) or not (folder / "game.yml").is_file():
            raise StepFailed(
                f"there is no game {game_id[:60]!r} in the catalogue",
                remedy="Give the provisioner the same playbooks the gateway has.",
            )
        return folder


def _front_door(manifest: Mapping[str, Any]) -> str:
    """Return the name of the port that people connect to: the first that is for them."""
    outer = (port for port in manifest["ports"] if port.get("expose") != "loopback")
    return next(outer, manifest["ports"][0])["name"]


def _query(manifest: Mapping[str, Any], settings: Mapping[str, JsonValue]) -> Query | None:
    """Return what the game can be asked, if it answers at all with these settings."""
    query: Mapping[str, Any] | None = manifest.get("query")
    if query is None or any(settings.get(n) != v for n, v in query.get("when", {}).items()):
        return None
    return Query(protocol=query["protocol"], port=query["port"])


def _sign(ready: Mapping[str, Any]) -> Sign | None:
    line: str | None = ready.get("console")
    return Sign(line=re.compile(line), file=ready.get("console_file")) if line else None


def _roster(manifest: Mapping[str, Any]) -> Roster | None:
    console: Mapping[str, str] | None = manifest.get("players", {}).get("console")
    if console is None:
        return None
    ready: Mapping[str, Any] = manifest["ready"]
    return roster(
        joined=console["joined"],
        left=console["left"],
        started=ready.get("console"),
        file=ready.get("console_file"),
    )


def _manifest(folder: Path) -> dict[str, Any]:
    return yaml.safe_load((folder / "game.yml").read_text(encoding="utf-8"))


def _defaults(folder: Path) -> dict[str, JsonValue]:
    properties: dict[str, Any] = _schema(folder).get("properties", {})
    return {name: of["default"] for name, of in properties.items() if "default" in of}


def _schema(folder: Path) -> dict[str, Any]:
    return json.loads((folder / "settings.schema.json").read_text(encoding="utf-8"))
