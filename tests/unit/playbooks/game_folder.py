"""A game's folder as Ansible would see it, without Ansible: templates, manifest, unit."""

import importlib.util
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache, cached_property
from pathlib import Path
from typing import Any

import yaml
from jinja2 import Environment, StrictUndefined, Template
from jinja2.nativetypes import NativeEnvironment
from jsonschema import Draft202012Validator

PLAYBOOKS = Path(__file__).parents[3] / "playbooks"
LOCK = {
    "version": "1449",
    "artefacts": [{"name": "server.jar"}],
    "resolved_at": "2026-11-21T12:00:00Z",
}


@cache
def filters() -> dict[str, Callable[..., Any]]:
    """The playbooks' own filters, and Ansible's that games use."""
    found: dict[str, Callable[..., Any]] = {
        "to_json": json.dumps,
        "to_nice_json": lambda value: json.dumps(value, indent=4, sort_keys=True),
    }
    for path in sorted((PLAYBOOKS / "filter_plugins").glob("*.py")):
        spec = importlib.util.spec_from_file_location(path.stem, path)
        assert spec is not None
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        found |= module.FilterModule().filters()
    return found


@cache
def manifest_of(path: Path) -> dict[str, Any]:
    return yaml.safe_load((path / "game.yml").read_text())


@cache
def schema_of(path: Path) -> dict[str, Any]:
    return json.loads((path / "settings.schema.json").read_text())


@cache
def lines_of(path: Path) -> dict[str, Any]:
    return yaml.safe_load((path / "lines.yml").read_text())


@cache
def environment(kind: type[Environment]) -> Environment:
    """Jinja as Ansible sets it up: nothing undefined passes."""
    made = kind(undefined=StrictUndefined, trim_blocks=True, keep_trailing_newline=True)
    made.filters.update(filters())
    return made


@cache
def compiled(text: str) -> Callable[..., Any]:
    """An expression's own value, as Ansible gives it, or a text with templates in it."""
    if text.startswith("{{") and text.endswith("}}") and text.count("{{") == 1:
        return environment(NativeEnvironment).compile_expression(text[2:-2].strip())
    template = environment(Environment).from_string(text)
    return template.render


def filled(value: Any, known: Mapping[str, Any]) -> Any:
    """A value of a manifest or a task with its templates filled in."""
    match value:
        case str() if "{{" in value:
            return compiled(value)(known)
        case list():
            return [filled(item, known) for item in value]
        case dict():
            return {key: filled(item, known) for key, item in value.items()}
        case _:
            return value


@cache
def template_of(path: Path) -> Template:
    return environment(Environment).from_string(path.read_text())


@dataclass(kw_only=True)
class GameFolder:
    """One game with the settings that somebody gave it."""

    path: Path
    given: Mapping[str, Any] = field(default_factory=dict[str, Any])

    @property
    def raw(self) -> dict[str, Any]:
        return manifest_of(self.path)

    @property
    def schema(self) -> dict[str, Any]:
        return schema_of(self.path)

    @property
    def required(self) -> dict[str, Any]:
        return lines_of(self.path).get("required", {})

    @cached_property
    def settings(self) -> dict[str, Any]:
        """Defaults, what has to be given, and what was given; valid, or the test is wrong."""
        properties = self.schema["properties"]
        defaults = {name: of["default"] for name, of in properties.items() if "default" in of}
        accepted = {name: of["const"] for name, of in properties.items() if "const" in of}
        full = defaults | accepted | self.required | dict(self.given)
        Draft202012Validator(self.schema).validate(full)
        return full

    @cached_property
    def variables(self) -> dict[str, Any]:
        """What a play of the folder knows."""
        ports = {port["name"]: port["number"] for port in self.raw["ports"]}
        known = {"settings": self.settings, "ports": ports, "lock": LOCK, "memory_mib": 8192}
        return known | {"unit": self.raw["unit"], "manifest": filled(self.raw, known)}

    def template(self, name: str) -> str:
        """One of the game's templates, filled in."""
        return template_of(self.path / "templates" / name).render(self.variables)

    def unit(self) -> dict[str, str]:
        """The unit's files by their paths, as roles/service writes them."""
        name, folder = self.raw["unit"], PLAYBOOKS / "roles" / "service" / "templates"
        units = f"/etc/systemd/system/{name}"
        files = {f"{units}.service": "game.service.j2"}
        if self.raw["service"]["console"] == "fifo":
            files[f"{units}.socket"] = "game.socket.j2"
        if "'secret':" in str(self.raw["service"]):
            files[f"/etc/{name}.secrets"] = "game.secrets.j2"
        return {
            path: template_of(folder / source).render(self.variables)
            for path, source in files.items()
        }
