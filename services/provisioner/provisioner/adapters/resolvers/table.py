"""Versions that a game's folder has locked itself: ``versions.yml`` beside the manifest."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml
from pydantic import JsonValue

from provisioner.domain.errors import StepFailed

NOTHING: dict[str, JsonValue] = {"artefacts": [], "runtime": {}}


def resolve(
    folder: Path, source: Mapping[str, Any], settings: Mapping[str, JsonValue]
) -> dict[str, JsonValue]:
    """Return a lock's artefacts and runtime. Raises ``StepFailed`` if the version is not there."""
    if "setting" not in source:
        return NOTHING
    wanted = settings.get(source["setting"])
    locked: Mapping[str, Any] = {}
    if source["resolver"] == "table" or source.get("locked"):
        text = (folder / "versions.yml").read_text(encoding="utf-8")
        locked = yaml.safe_load(text)["versions"]
    if wanted not in locked:
        known = ", ".join(list(locked)[-12:]) or "no version"
        raise StepFailed(
            f"nobody here has locked version {str(wanted)[:60]!r} of {folder.name}",
            remedy=f"Deploy again with a version that is locked ({known}).",
        )
    return {"version": wanted, **NOTHING, **locked[str(wanted)]}
