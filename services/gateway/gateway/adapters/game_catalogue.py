"""Reads the catalogue from its folder: one folder a game, each with a manifest and a schema."""

import json
import logging
from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any, Literal

import yaml
from jsonschema import Draft202012Validator
from jsonschema.exceptions import SchemaError
from pydantic import BaseModel, Field, ValidationError

from common.contracts.servers import Plan, Port
from gateway.adapters.recipe import recipe_of
from gateway.domain.game import Game, Source
from gateway.domain.plan import RECOMMENDED
from gateway.domain.secrets import MARK, has_stray_secrets

log = logging.getLogger(__name__)


class Amount(BaseModel, frozen=True):
    """How much the game is comfortable with; what it runs on at all is no less."""

    min: int
    recommended: int


class Size(BaseModel, frozen=True):
    """The VM a game needs."""

    cores: Amount
    memory_mib: Amount
    disk_gib: Amount
    cpu_type: Literal["host"] | None = None

    def plan(self, name: str, chosen: Callable[[Amount], int]) -> Plan:
        """Return one of the two sizes as a plan."""
        return Plan(
            name=name,
            cores=chosen(self.cores),
            memory_mib=chosen(self.memory_mib),
            disk_gib=chosen(self.disk_gib),
        )


class ListedPort(BaseModel, frozen=True):
    """A port as the manifest lists it."""

    name: str
    protocol: Literal["tcp", "udp"]
    number: int
    expose: Literal["public", "loopback"] = "public"


class Origin(BaseModel, frozen=True, extra="ignore"):
    """What the gateway reads of a manifest's ``source``: by which setting a version is chosen."""

    resolver: str | None = None
    setting: str | None = None

    @property
    def source(self) -> Source:
        """Return it as the domain sees it: Steam knows branches, and no versions."""
        return Source(setting=self.setting, moves=self.resolver == "steam")


class Variant(BaseModel, frozen=True, extra="ignore"):
    """What the gateway reads of one variant."""

    source: Origin | None = None


class Variants(BaseModel, frozen=True):
    """Kinds of one game, by the value of a setting."""

    setting: str
    of: Mapping[str, Variant]


class Install(BaseModel, frozen=True, extra="ignore"):
    """What the manifest says of the game's installation; ``timeout`` in minutes."""

    timeout: int = Field(default=45, ge=1, le=1440)


class Manifest(BaseModel, frozen=True, extra="ignore"):
    """What the gateway reads of a ``game.yml``; the rest is for others."""

    id: str = Field(pattern=r"^[a-z0-9]+(-[a-z0-9]+)*$", max_length=40)
    name: str
    summary: str
    version: str
    maturity: str
    evidence: str = ""
    tags: tuple[str, ...] = ()
    vm: Size
    ports: tuple[ListedPort, ...] = Field(min_length=1)
    connect: str
    source: Origin = Origin()
    variants: Variants | None = None
    install: Install = Install()


class UnusableGame(Exception):
    """A game's folder that cannot be used; its text says why."""


class FolderCatalogue:
    """The games found in one folder. A folder that is wrong is left out, and said so."""

    def __init__(self, directory: Path) -> None:
        self._games = _read_all(directory)

    def all(self) -> Sequence[Game]:
        """Return every game, by id."""
        return list(self._games.values())

    def find(self, id: str) -> Game | None:
        """Return one."""
        return self._games.get(id)


def _read_all(directory: Path) -> Mapping[str, Game]:
    games: dict[str, Game] = {}
    for manifest in sorted(directory.glob("*/game.yml")):
        try:
            game = read_game(manifest.parent)
        except UnusableGame as error:
            log.error("game left out", extra={"game": manifest.parent.name, "error": str(error)})  # noqa: TRY400  the reason is enough
        else:
            games[game.id] = game
    log.info("catalogue read", extra={"games": ", ".join(games)})
    return games


def read_game(folder: Path) -> Game:
    """Read one game's folder. Raises ``UnusableGame``."""
    try:
        found = Manifest.model_validate(yaml.safe_load((folder / "game.yml").read_text("utf-8")))
        schema: Any = json.loads((folder / "settings.schema.json").read_text("utf-8"))
        Draft202012Validator.check_schema(schema)
    except (OSError, ValueError, yaml.YAMLError, ValidationError, SchemaError) as error:
        raise UnusableGame(f"{type(error).__name__}: {error}") from error
    if found.id != folder.name:
        raise UnusableGame(f"the manifest says {found.id}, the folder {folder.name}")
    if has_stray_secrets(schema):
        raise UnusableGame(f"{MARK} must stand at a property or at items, not behind a $ref")
    return _game(found, schema, recipe=recipe_of(folder))


def _game(found: Manifest, schema: Mapping[str, Any], *, recipe: str) -> Game:
    kinds: Mapping[str, Variant] = found.variants.of if found.variants else {}
    return Game(
        id=found.id,
        name=found.name,
        summary=found.summary,
        version=found.version,
        maturity=found.maturity,
        evidence=found.evidence,
        tags=found.tags,
        plan=found.vm.plan(RECOMMENDED, lambda amount: amount.recommended),
        least=found.vm.plan("least", lambda amount: amount.min),
        cpu_type=found.vm.cpu_type,
        ports=tuple(
            Port(name=port.name, protocol=port.protocol, number=port.number)
            for port in found.ports
            if port.expose == "public"
        ),
        connect=found.connect,
        settings_schema=schema,
        recipe=recipe,
        install_time=timedelta(minutes=found.install.timeout),
        source=found.source.source,
        variant_setting=found.variants.setting if found.variants else None,
        variants={name: kind.source.source for name, kind in kinds.items() if kind.source},
    )
