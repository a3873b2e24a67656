"""The settings typed on a command line, read as the game wants them."""

import json
import sys
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Final

from pydantic import JsonValue

from yard_cli.client.models import Game
from yard_cli.failure import Failure

LARGEST: Final = 262_144  # bytes of a value; the gateway takes no larger body anyway

Pair = tuple[str, str]


def typed(settings: Sequence[str], files: Sequence[str]) -> Sequence[Pair]:
    """Return names and values: ``KEY=VALUE`` as typed, ``KEY=FILE`` as the file holds it."""
    said = [_pair(setting, example="KEY=VALUE") for setting in settings]
    named = [_pair(setting, example="--set-file KEY=FILE") for setting in files]
    if [path for _, path in named].count("-") > 1:
        raise Failure("standard input can be only one setting's value", "use files for the others")
    return [*said, *((key, held_by(path)) for key, path in named)]


def settings_for(game: Game, pairs: Sequence[Pair]) -> dict[str, JsonValue]:
    """Read each value as JSON (a number, true) unless the game wants text there."""
    schemas = game.properties()
    found: dict[str, JsonValue] = {}
    for key, value in pairs:
        found[key] = value
        if schemas.get(key, {}).get("type") != "string":
            with suppress(ValueError):
                found[key] = json.loads(value)
    return found


def _pair(setting: str, *, example: str) -> Pair:
    key, equals, value = setting.partition("=")
    if not equals or not key:
        # What was typed may be the secret itself: it is not repeated.
        raise Failure("a setting has no name or no value", f"write it as: {example}")
    return key, value


def held_by(path: str) -> str:
    """Return what a file holds, without the end of its last line."""
    try:
        if path == "-":
            data = sys.stdin.buffer.read(LARGEST + 1)
        else:
            with Path(path).expanduser().open("rb") as file:
                data = file.read(LARGEST + 1)
        text = data.decode()
    except (OSError, UnicodeDecodeError) as error:
        raise Failure(f"{path} cannot be read: {error}", "name a text file, or -") from error
    if len(data) > LARGEST:
        raise Failure(f"{path} is too large for a setting", f"at most {LARGEST} bytes")
    return text.removesuffix("\n").removesuffix("\r")
