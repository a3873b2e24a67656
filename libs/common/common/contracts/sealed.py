"""Secret settings travel sealed: what stands in their place, and what an envelope holds.

The gateway seals what a game's schema calls secret, the provisioner opens it when it runs the
playbook; the bus, the databases and all others on the way hold nothing but envelopes.
An envelope is a text that begins with ``sealed:``; no text of a person's may.
"""

import json
from collections.abc import Callable
from typing import Final, TypeGuard

from pydantic import JsonValue

MARK: Final = "sealed:"


def is_sealed(value: JsonValue) -> TypeGuard[str]:
    """Tell whether a value stands for a sealed one."""
    return isinstance(value, str) and value.startswith(MARK)


def packed(value: JsonValue) -> bytes:
    """Return what an envelope holds of a value, whatever its type."""
    return json.dumps(value).encode()


def unpacked(data: bytes) -> JsonValue:
    """Return the value that was packed."""
    return json.loads(data)


def below(pointer: str, part: str | int) -> str:
    """Return the JSON pointer of a part of what ``pointer`` points at."""
    return f"{pointer}/{str(part).replace('~', '~0').replace('/', '~1')}"


def mapped(
    value: JsonValue, change: Callable[[str, str], JsonValue], *, pointer: str = ""
) -> JsonValue:
    """Return the value with every envelope in it exchanged for ``change(envelope, pointer)``."""
    if is_sealed(value):
        return change(value, pointer)
    match value:
        case dict():
            return {
                name: mapped(part, change, pointer=below(pointer, name))
                for name, part in value.items()
            }
        case list():
            return [
                mapped(part, change, pointer=below(pointer, number))
                for number, part in enumerate(value)
            ]
        case _:
            return value
