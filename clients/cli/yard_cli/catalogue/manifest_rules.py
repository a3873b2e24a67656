"""What a manifest has to say, and what of it has to fit together."""

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

from jsonschema import Draft202012Validator

from yard_cli.catalogue.complaint import Complaint
from yard_cli.catalogue.expressions import flaws
from yard_cli.catalogue.folder import MANIFEST, Entry, GameFolder

NAME: Final = re.compile(r"\{([a-z][a-z0-9_]*)\}")
INSTALL_MINUTES: Final = 45  # where the manifest names no others
GIVEN: Final = frozenset({"wanted", "version"})


def manifest_rules(game: GameFolder, schema: Entry) -> Iterator[Complaint]:
    """Hold the manifest against its schema; if it fits, against itself and the settings."""
    found = list(_schema(game, schema))
    yield from found
    if found:
        return
    if game.manifest["id"] != game.path.name:
        yield _at("/id", "is not the folder's name", f"name both {game.path.name}")
    for rule in (
        _ports,
        _queries,
        _sizes,
        _eula,
        _variants,
        _sources,
        _versions,
        _expressions,
        _backup,
        _times,
    ):
        yield from rule(game)


def _at(field: str, wrong: str, remedy: str) -> Complaint:
    return Complaint(place=f"{MANIFEST}{field}", wrong=wrong, remedy=remedy)


def _schema(game: GameFolder, schema: Entry) -> Iterator[Complaint]:
    errors = Draft202012Validator(schema).iter_errors(game.manifest)  # pyright: ignore[reportUnknownMemberType]  untyped in its stubs
    for error in errors:
        field = "".join(f"/{part}" for part in error.absolute_path)
        wanted: Any = error.schema
        remedy: str = wanted.get("description") or "see schema/game.schema.json"
        yield _at(field, error.message[:200], remedy)


def _ports(game: GameFolder) -> Iterator[Complaint]:
    ports = game.manifest["ports"]
    for key in (("name",), ("protocol", "number")):
        if len({tuple(port[part] for part in key) for port in ports}) != len(ports):
            yield _at("/ports", f"has the same {' and '.join(key)} twice", "tell them apart")
    public = {port["name"] for port in ports if port.get("expose", "public") == "public"}
    if not public:
        yield _at("/ports", "leads nobody to the game", "let one port be public")
    for field, block in _blocks(game, "query"):
        if block["port"] not in public:
            yield _at(f"{field}/port", "is no public port's name", f"one of {_list(public)}")


def _queries(game: GameFolder) -> Iterator[Complaint]:
    for field, query in _blocks(game, "query"):
        for setting in sorted(query.get("when", {}).keys() - game.properties.keys()):
            yield _at(
                f"{field}/when/{setting}", "is no setting", f"one of {_list(game.properties)}"
            )
        if "when" in query and "console" not in game.manifest["ready"]:
            remedy = "add ready.console, the line it then is known by"
            yield _at(f"{field}/when", "leaves nothing that tells that it is up", remedy)


def _times(game: GameFolder) -> Iterator[Complaint]:
    """A game that is still quiet when its time is over is never known to hang."""
    minutes = game.manifest.get("install", {}).get("timeout", INSTALL_MINUTES)
    if game.manifest.get("hang", 0) >= minutes * 60:
        yield _at("/hang", "is no shorter than the whole installation", "install: {timeout: …}")


def _backup(game: GameFolder) -> Iterator[Complaint]:
    has_console = game.manifest.get("service", {}).get("console") == "fifo"
    for part in ("quiesce", "resume"):
        lines = [said for said in game.manifest["backup"].get(part, ()) if isinstance(said, str)]
        if lines and not has_console:
            yield _at(f"/backup/{part}", "says a line where no console is", "give it a command")


def _sizes(game: GameFolder) -> Iterator[Complaint]:
    for what in ("cores", "memory_mib", "disk_gib"):
        size = game.manifest["vm"][what]
        if size["min"] > size["recommended"]:
            yield _at(f"/vm/{what}", "recommends less than the least", "recommend as much or more")


def _eula(game: GameFolder) -> Iterator[Complaint]:
    eula = game.manifest.get("eula")
    if eula is None:
        return
    setting = game.properties.get(eula["setting"], {})
    if setting.get("const") is not True or eula["setting"] not in game.settings.get("required", ()):
        remedy = f'make {eula["setting"]} required, with "const": true'
        yield _at("/eula/setting", "can be left unaccepted", remedy)


def _variants(game: GameFolder) -> Iterator[Complaint]:
    variants = game.manifest.get("variants")
    if variants is None:
        return
    offered = game.properties.get(variants["setting"], {}).get("enum", [])
    if set(offered) != set(variants["of"]):
        remedy = f"let the setting {variants['setting']} be an enum of {_list(variants['of'])}"
        yield _at("/variants", "are not what the setting offers", remedy)


def _sources(game: GameFolder) -> Iterator[Complaint]:
    for field, source in _blocks(game, "source"):
        setting = source.get("setting")
        if setting is not None and setting not in game.properties:
            yield _at(f"{field}/setting", "is no setting", f"one of {_list(game.properties)}")
        if source["resolver"] == "http":
            yield from _names(field, source)


def _names(field: str, source: Entry) -> Iterator[Complaint]:
    """Every {name} is taken before it is used."""
    taken = set(GIVEN)
    for place, step in enumerate(source.get("steps", ())):
        yield from _untaken(f"{field}/steps/{place}", [step["get"], step.get("each", {})], taken)
        taken |= set(step.get("take", {}))
        for expression in step.get("match", {}).values():
            taken |= set(re.findall(r"\(\?P<([a-z0-9_]+)>", expression))
    yield from _untaken(field, [source["artefacts"], source.get("runtime", {})], taken)
    yield from _untaken(field, [source.get("build", "")], taken)


def _untaken(field: str, value: object, taken: set[str]) -> Iterator[Complaint]:
    for name in sorted(set(NAME.findall(str(value))) - taken):
        yield _at(field, f"uses {{{name}}}, which no step has taken", "take it in a step before")


def _versions(game: GameFolder) -> Iterator[Complaint]:
    needed = [s for _, s in _blocks(game, "source") if s["resolver"] == "table" or "locked" in s]
    if bool(needed) != bool(game.versions):
        yield _at(
            "/source", "and versions.yml do not agree", "lock versions there, or name it here"
        )
    for version, lock in game.versions.items():
        place = f"versions.yml/{version}"
        for artefact in lock["artefacts"]:
            if not artefact["url"].startswith("https://"):
                yield Complaint(place=place, wrong="is not fetched by https", remedy="use https")
            if not re.fullmatch(r"sha(1:\w{40}|256:\w{64})", str(artefact.get("checksum"))):
                remedy = "add sha1:… or sha256:…"
                yield Complaint(place=place, wrong="has no checksum", remedy=remedy)


def _expressions(game: GameFolder) -> Iterator[Complaint]:
    found: dict[str, str] = {}
    for field, ready in _blocks(game, "ready"):
        found |= {f"{field}/console": ready["console"]} if "console" in ready else {}
    console: Mapping[str, str] = game.manifest.get("players", {}).get("console", {})
    found |= {f"/players/console/{name}": text for name, text in console.items()}
    for field, expression in found.items():
        for flaw in flaws(expression):
            yield _at(field, flaw, "players can write on the console: be exact")
        if field.startswith("/players") and "(?P<player>" not in expression:
            yield _at(field, "does not say who", "name a group `player`")


def _blocks(game: GameFolder, name: str) -> Iterator[tuple[str, Entry]]:
    """Yield a block of the manifest's, and the variants' in its place."""
    if name in game.manifest:
        yield f"/{name}", game.manifest[name]
    for variant, blocks in game.manifest.get("variants", {"of": {}})["of"].items():
        if name in blocks:
            yield f"/variants/of/{variant}/{name}", blocks[name]


def _list(names: Any) -> str:  # noqa: ANN401  any collection of names
    return ", ".join(sorted(map(str, names))) or "none there is"
