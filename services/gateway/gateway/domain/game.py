"""A game as the catalogue describes it, and whether settings fit it."""

import re
from collections.abc import Callable, Iterator, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Final, Literal

from jsonschema import Draft202012Validator, ValidationError
from pydantic import JsonValue

from common.contracts.sealed import MARK, below, mapped
from common.contracts.servers import Plan, Port
from gateway.domain.errors import Fault, SettingsRefused
from gateway.domain.kind import INSTALL_TIME

Settings = dict[str, JsonValue]


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """Where a game comes from: its version is named by ``setting``, if it can be chosen at all.

    ``moves``: what the setting names is no version but a branch, which gets newer ones.
    """

    setting: str | None = None
    moves: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Game:
    """One entry of the catalogue.

    ``plan`` is what the game is comfortable with, ``least`` what it runs on at all; ``evidence``
    is what its maturity rests on. ``cpu_type``: the VM's CPU, where the template's will not do.
    ``recipe``: digest of what a prebaked template of it is made by.
    ``variants``: the sources of those variants that have their own, chosen by ``variant_setting``.
    """

    id: str
    name: str
    summary: str
    version: str
    maturity: str
    tags: tuple[str, ...]
    plan: Plan
    ports: tuple[Port, ...]
    connect: str
    settings_schema: Mapping[str, Any]
    evidence: str = ""
    least: Plan | None = None
    cpu_type: Literal["host"] | None = None
    recipe: str | None = None
    source: Source = Source()
    variant_setting: str | None = None
    install_time: timedelta = INSTALL_TIME
    variants: Mapping[str, Source] = field(default_factory=dict[str, Source])

    @property
    def choosing(self) -> frozenset[str]:
        """The settings that choose what is installed: a version of the game, or a variant."""
        sources = (self.source, *self.variants.values())
        names = (self.variant_setting, *(source.setting for source in sources))
        return frozenset(name for name in names if name)

    def source_of(self, settings: Settings) -> Source:
        """Return where the variant that the settings, or else their defaults, choose comes from."""
        known = _with_defaults(self.settings_schema, settings)
        chosen = known.get(self.variant_setting) if self.variant_setting else None
        return self.variants.get(chosen, self.source) if isinstance(chosen, str) else self.source


def checked_settings(
    game: Game, settings: Settings, *, sealed: AbstractSet[str] = frozenset()
) -> Settings:
    """Return the settings, completed by the schema's defaults. Raises ``SettingsRefused``.

    At the pointers ``sealed`` stand envelopes of ours: what they hold was checked before.
    """
    complete = _with_defaults(game.settings_schema, settings)
    errors = Draft202012Validator(game.settings_schema).iter_errors(complete)  # pyright: ignore[reportUnknownMemberType]  untyped in its stubs
    found = (*(fault for error in errors for fault in _faults(error)), *_envelopes(complete))
    faults = tuple(fault for fault in found if fault.pointer not in sealed)
    if faults:
        raise SettingsRefused(
            "Some settings do not fit the game's schema.",
            remedy=f"See settings_schema in GET /v1/games/{game.id}.",
            faults=tuple(sorted(faults, key=lambda fault: fault.pointer)),
        )
    return complete


def differing(game: Game, before: Settings, after: Settings) -> frozenset[str]:
    """Return which settings differ; one that was never told is as it is by default."""
    one, other = (_with_defaults(game.settings_schema, found) for found in (before, after))
    return frozenset(name for name in one.keys() | other.keys() if one.get(name) != other.get(name))


def default_settings(game: Game) -> Settings:
    """Return what the schema says by default; what has no default is left out, so none is valid."""
    return _with_defaults(game.settings_schema, {})


def envelopes_in(settings: Settings) -> frozenset[str]:
    """Return the pointers at which sealed values stand, or what would pass for one."""
    found: list[str] = []
    mapped(settings, lambda _, pointer: found.append(pointer), pointer="/settings")
    return frozenset(map(_printable, found))


def _envelopes(settings: Settings) -> Iterator[Fault]:
    """Find what would pass for a sealed value: nobody but the gateway makes those."""
    yield from (Fault(pointer, f"must not begin with {MARK}") for pointer in envelopes_in(settings))


def _with_defaults(schema: Mapping[str, Any], value: Settings) -> Settings:
    complete = dict(value)
    properties: Mapping[str, Any] = schema.get("properties", {})
    for name, part in properties.items():
        if name not in complete and "default" in part:
            complete[name] = part["default"]
        inner = complete.get(name)
        if isinstance(inner, dict):
            complete[name] = _with_defaults(part, inner)
    return complete


# What a keyword of JSON Schema means to a person. Never the value that was sent.
_SENTENCES: Final[Mapping[str, Callable[[Any], str]]] = {
    "type": lambda wanted: f"must be of type {wanted}",
    "enum": lambda wanted: f"must be one of {', '.join(map(str, wanted))}",
    "const": lambda wanted: f"must be {str(wanted).lower() if wanted is True else wanted}",
    "minimum": lambda least: f"must be at least {least}",
    "maximum": lambda most: f"must be at most {most}",
    "minLength": lambda least: f"must have at least {least} characters",
    "maxLength": lambda most: f"must have at most {most} characters",
    "pattern": lambda pattern: f"must match {pattern}",
    "minItems": lambda least: f"must have at least {least} entries",
    "maxItems": lambda most: f"must have at most {most} entries",
    "uniqueItems": lambda _: "must not hold an entry twice",
}


def _faults(error: ValidationError) -> Iterator[Fault]:
    pointer = "/settings"
    for part in error.absolute_path:
        pointer = below(pointer, part)
    pointer = _printable(pointer)
    wanted: Any = error.validator_value
    sent: Any = error.instance
    match error.validator:
        case "required":
            missing = [str(name) for name in wanted if name not in sent]
            yield from (Fault(_printable(below(pointer, name)), "is required") for name in missing)
        case "additionalProperties":
            schema: Any = error.schema
            unknown = [str(name) for name in sent if name not in schema.get("properties", {})]
            yield from (
                Fault(_printable(below(pointer, name[:80])), "is not a setting of this game")
                for name in unknown[:20]
            )
        case keyword:
            sentence = _SENTENCES.get(str(keyword))
            detail = sentence(wanted) if sentence else f"does not satisfy {keyword}"
            yield Fault(pointer, detail)


def _printable(pointer: str) -> str:
    """Return the pointer without what could confuse a terminal or a log."""
    return re.sub(r"[^\x20-\x7e]", "?", pointer)
