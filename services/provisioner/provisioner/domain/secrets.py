"""Secret settings in the open: taken out of their envelopes, and kept out of all that is told."""

import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final

from pydantic import JsonValue

from common.contracts.sealed import mapped, unpacked

MASK: Final = "[masked]"
SHORTEST: Final = 4  # characters; shorter ones would mask half of every line, and so be told


@dataclass(frozen=True, slots=True, kw_only=True)
class Opened:
    """Settings with nothing sealed in them any more, and which values those were."""

    settings: dict[str, JsonValue] = field(repr=False)
    secrets: tuple[JsonValue, ...] = field(repr=False)


def opened(settings: Mapping[str, JsonValue], *, open: Callable[[str, str], bytes]) -> Opened:
    """Open every envelope; ``open`` is given it and the pointer of its place."""
    found: list[JsonValue] = []

    def value_of(envelope: str, pointer: str) -> JsonValue:
        found.append(unpacked(open(envelope, pointer)))
        return found[-1]

    plain = mapped(dict(settings), value_of)
    assert isinstance(plain, dict)
    return Opened(settings=plain, secrets=tuple(found))


def texts_of(secrets: Iterable[JsonValue]) -> tuple[str, ...]:
    """Return every text that would tell a secret: as it is, its lines, and as programs quote it."""
    found = {form for secret in secrets for text in _leaves(secret) for form in _forms(text)}
    return tuple(sorted((text for text in found if len(text) >= SHORTEST), key=len, reverse=True))


def masked(text: str, secrets: Iterable[str]) -> str:
    """Return the text without the secrets, also where they were wrapped over lines."""
    patterns = [r"\s+".join(map(re.escape, secret.split())) for secret in secrets if secret.strip()]
    return re.sub("|".join(patterns), MASK, text) if patterns else text


def _leaves(value: JsonValue) -> Iterator[str]:
    match value:
        case dict():
            for part in value.values():
                yield from _leaves(part)
        case list():
            for part in value:
                yield from _leaves(part)
        case None | bool():
            pass
        case _:
            yield str(value)


def _forms(text: str) -> Iterator[str]:
    for part in (text.strip(), *(line.strip() for line in text.splitlines())):
        yield part
        yield json.dumps(part)[1:-1]
        yield json.dumps(part, ensure_ascii=False)[1:-1]
        yield repr(part)[1:-1]
