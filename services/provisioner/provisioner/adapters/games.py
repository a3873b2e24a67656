"""The catalogue on disk: ``games/<id>/`` below the playbooks."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import yaml
from jsonschema import Draft202012Validator
from pydantic import JsonValue

from provisioner.adapters.task_count import count_tasks
from provisioner.domain.errors import StepFailed
from provisioner.domain.game import Game
from provisioner.domain.roster import Roster, roster

GAME_ID: Final = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
HANG: Final = 900  # seconds


@dataclass(frozen=True, slots=True)
class GameFolders:
    """Reads game folders anew each time, so that an edited one counts at once."""

    playbooks: Path

    def find(self, game_id: str) -> Game:
        """Return what the manifest says. Raises ``StepFailed`` if there is no such game."""
        folder = self._folder(game_id)
        manifest = yaml.safe_load((folder / "game.yml").read_text(encoding="utf-8"))
        properties: dict[str, Any] = _schema(folder).get("properties", {})
        secrets = (name for name, schema in properties.items() if schema.get("x-secret"))
        return Game(
            id=manifest["id"],
            version=manifest["version"],
            unit=manifest["unit"],
            connect=manifest["connect"],
            query_protocol=manifest["query"]["protocol"],
            query_port=manifest["query"]["port"],
            ready_timeout=manifest["ready"]["timeout"],
            tasks=count_tasks(self.playbooks, folder),
            hang=manifest.get("hang", HANG),
            secrets=frozenset(secrets),
            roster=_roster(manifest),
        )

    def complete(self, game: Game, settings: Mapping[str, JsonValue]) -> dict[str, JsonValue]:
        """Return the settings with defaults filled in. Raises ``StepFailed`` if not valid."""
        schema = _schema(self._folder(game.id))
        properties: dict[str, Any] = schema.get("properties", {})
        full = {name: of["default"] for name, of in properties.items() if "default" in of}
        full |= settings
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


def _roster(manifest: Mapping[str, Any]) -> Roster | None:
    console: Mapping[str, str] | None = manifest.get("players", {}).get("console")
    return roster(joined=console["joined"], left=console["left"]) if console else None


def _schema(folder: Path) -> dict[str, Any]:
    return json.loads((folder / "settings.schema.json").read_text(encoding="utf-8"))
