"""How settings land in the game's files: every one, where it says, and as the game reads it."""

import re
from collections.abc import Iterator, Mapping
from typing import Final

from yard_cli.catalogue.complaint import Complaint
from yard_cli.catalogue.folder import Entry, GameFolder

TEMPLATE: Final = "ansible.builtin.template"
# By the files' formats: the filter through which what people type goes into such a file.
FILTERS: Final[Mapping[str, str]] = {
    "ini": "ini_value",
    "blocks": "ini_value",
    "properties": "properties_value",
    "quoted": "quoted_value",
    "json": "to_json",
}
SECRET_WORD: Final = re.compile(r"\{'secret': '(\w+)'\}")
TYPED: Final = ("string", "array")
# With mappings in it, and mappings in these.
EXPRESSION: Final = re.compile(r"\{\{((?:[^{}]|\{(?:[^{}]|\{[^{}]*\})*\})*)\}\}")


def file_rules(game: GameFolder) -> Iterator[Complaint]:
    """Hold the templates against the settings and the manifest's ``files``."""
    templates = _templates(game)
    yield from _homeless(game)
    yield from _public_words(game)
    for path, source in templates.items():
        form = _formats(game).get(path)
        text = game.templates.get(source, "")
        yield from _formless(path, text) if form is None else _raw(game, source, form)
    yield from _unused(game, {path: game.templates.get(of, "") for path, of in templates.items()})


def _templates(game: GameFolder) -> Mapping[str, str]:
    """Return what is written, by path: the templates' names."""
    tasks = [task for tasks in game.tasks.values() for task in tasks]
    written: list[Entry] = [
        task[TEMPLATE] for task in tasks if isinstance(task.get(TEMPLATE), dict)
    ]
    return {str(one.get("dest")): str(one.get("src")) for one in written}


def _formats(game: GameFolder) -> Mapping[str, str]:
    return game.manifest.get("files", {})


def _homeless(game: GameFolder) -> Iterator[Complaint]:
    named = {of["x-file"] for of in game.properties.values() if "x-file" in of}
    for path in sorted(_formats(game).keys() - named):
        remedy = "name it as a setting's x-file, or leave it out"
        yield Complaint(place=f"game.yml/files{path}", wrong="holds no setting", remedy=remedy)


def _formless(path: str, text: str) -> Iterator[Complaint]:
    if "settings." in text:
        remedy = f"say in game.yml how the game reads it: files: {{{path}: …}}"
        yield Complaint(place="game.yml/files", wrong=f"does not know {path}", remedy=remedy)


def _raw(game: GameFolder, source: str, form: str) -> Iterator[Complaint]:
    """Find what people type and what does not go through the filter that the file needs."""
    typed = [name for name, of in game.properties.items() if of.get("type") in TYPED]
    wanted = FILTERS.get(form, form)
    fits = re.compile(
        r"\|\s*(to_nice_json|to_json)\s*-?$" if form == "json" else rf"\|\s*{wanted}\s*-?$"
    )
    for expression in EXPRESSION.findall(game.templates.get(source, "")):
        for name in typed:
            if re.search(rf"\bsettings\.{name}\b", expression) and not fits.search(
                expression.strip()
            ):
                wrong = f"writes settings.{name} otherwise than a file of the kind {form} wants it"
                remedy = f"end the expression with `| {wanted}`"
                yield Complaint(place=f"templates/{source}", wrong=wrong, remedy=remedy)


def _unused(game: GameFolder, files: Mapping[str, str]) -> Iterator[Complaint]:
    """Every setting lands where it says: in its file, or in the unit's words."""
    for name, of in game.properties.items():
        target, file = of.get("x-target"), of.get("x-file", "")
        text = files.get(file, "") if target == "file" else _service(game)
        if target != "source" and not re.search(rf"\bsettings\.{name}\b", text):
            place = f"settings.schema.json/properties/{name}"
            wrong = f"does not land in {file or 'the unit'}"
            yield Complaint(place=place, wrong=wrong, remedy="write it there, or correct x-target")


def _service(game: GameFolder) -> str:
    """Return all that the unit is made of; a secret there is told by its name alone."""
    return SECRET_WORD.sub(r"settings.\1", str(game.manifest.get("service")))


def _public_words(game: GameFolder) -> Iterator[Complaint]:
    """Everybody in the guest may read a unit."""
    text = str(game.manifest.get("service"))
    for name, of in game.properties.items():
        if of.get("x-secret") and f"settings.{name}" in text:
            yield Complaint(
                place="game.yml/service",
                wrong=f"puts the secret setting {name} into the unit",
                remedy=f"a word of the command: {{secret: {name}}}",
            )
    for name in SECRET_WORD.findall(text):
        if not game.properties.get(name, {}).get("x-secret"):
            yield Complaint(
                place="game.yml/service",
                wrong=f"names the secret {name}, which is none",
                remedy="a setting with x-secret",
            )
