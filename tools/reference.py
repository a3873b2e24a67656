"""Write the reference pages that follow from the code: settings, events, the bus.

``--check`` writes nothing and returns 1 when a page on disk is out of date.
"""

import importlib
import json
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import UnionType
from typing import Final, cast, get_args

from pydantic import SecretStr
from pydantic_core import PydanticUndefined
from pydantic_settings import BaseSettings

from common.contracts import events, logs, public_events, topology
from common.contracts.base import Event
from gateway.api import asyncapi
from tools.schema_breaks import breaks

ROOT: Final = Path(__file__).resolve().parent.parent
PAGES: Final = ROOT / "docs/reference"
SCHEMAS: Final = ROOT / "tests/contract/golden/events"
PUBLIC_SCHEMAS: Final = ROOT / "tests/contract/golden/public_events"
SERVICES: Final = ("gateway", "vm_service", "provisioner", "log_service")
WRITTEN: Final = "<!-- Written by tools/reference.py; change the code, not this page. -->\n\n"


def event_classes() -> tuple[type[Event], ...]:
    """Return every event, in the order of the union."""
    union = get_args(events.AnyEvent)[0]
    assert isinstance(union, UnionType)
    return get_args(union)


def pages() -> Mapping[Path, str]:
    """Return what each generated file should hold."""
    found = {
        PAGES / "settings.md": WRITTEN + "".join(_settings_page()),
        PAGES / "events.md": WRITTEN + "".join(_events_page()),
        PAGES / "public-events.md": WRITTEN + "".join(_public_events_page()),
        PAGES / "asyncapi.json": _json(asyncapi.document()),
    }
    for event in event_classes():
        name = event.model_fields["type"].default
        found[SCHEMAS / f"{name}.json"] = _json(event.model_json_schema())
    for name in public_events.CATALOGUE:
        found[PUBLIC_SCHEMAS / f"{name}.json"] = _json(public_events.schema(name))
    found[SCHEMAS / "log.batch.json"] = _json(logs.LogBatch.model_json_schema())
    return found


def _json(value: object) -> str:
    return json.dumps(value, indent=2, sort_keys=True) + "\n"


def _settings_page() -> Iterator[str]:
    yield "# Settings\n\nEvery service reads its settings from the environment.\n"
    for service in SERVICES:
        settings: type[BaseSettings] = importlib.import_module(f"{service}.settings").Settings
        yield f"\n## {service.replace('_', '-')}\n\n"
        yield "| variable | default | meaning |\n|---|---|---|\n"
        for name, field in settings.model_fields.items():
            variable = f"SPAWNYARD_{name.upper()}"
            yield f"| `{variable}` | {_default(field.default)} | {field.description or ''} |\n"


def _default(value: object) -> str:
    if value is PydanticUndefined:
        return "required, or made at start"
    if value is None or value == () or isinstance(value, SecretStr):
        return "none"
    if isinstance(value, tuple):
        return f"`{', '.join(f'{one:g}' for one in cast('tuple[float, ...]', value))}`"
    return f"`{value}`"


def _events_page() -> Iterator[str]:
    yield "# Events on the bus\n\nContracts between the services. JSON, one fact each.\n\n"
    yield "| type | said by, and what it says | fields |\n|---|---|---|\n"
    common = set(Event.model_fields)
    for event in event_classes():
        fields = ", ".join(f"`{name}`" for name in event.model_fields if name not in common)
        summary = " ".join((event.__doc__ or "").split())
        yield f"| `{event.model_fields['type'].default}` | {summary} | {fields} |\n"
    yield "\nEvery event also has `id`, `type`, `time`, `server_id` and `operation_id`.\n"
    yield "\n## Streams\n\n| stream | subjects | kept for | at most |\n|---|---|---|---|\n"
    for stream in topology.STREAMS:
        subjects = ", ".join(f"`{subject}`" for subject in stream.subjects)
        size = stream.max_bytes // topology.MIB
        yield f"| {stream.name} | {subjects} | {stream.max_age // topology.DAY} d | {size} MiB |\n"
    yield "\n## Who may say and hear what\n\n"
    yield "| service | may publish | may subscribe |\n|---|---|---|\n"
    for service, access in topology.ACCESS.items():
        said = ", ".join(f"`{subject}`" for subject in access.publish)
        said += ", one answer to each question" if access.answers else ""
        heard = ", ".join(f"`{subject}`" for subject in access.subscribe)
        yield f"| {service} | {said} | {heard} |\n"


def _public_events_page() -> Iterator[str]:
    yield "# Public events\n\nWhat the gateway tells the world: in `GET /v1/events`, live in "
    yield "`GET /v1/events/stream`, and to webhook endpoints. CloudEvents 1.0 in JSON; the schema "
    yield "of a type is at `GET /v1/event-types/TYPE/schema`, all of it as AsyncAPI 3 at "
    yield "`GET /v1/asyncapi.json` ([as a file](asyncapi.json)).\n\n"
    yield "| type | what it says | `data` |\n|---|---|---|\n"
    for name, (data, meaning) in public_events.CATALOGUE.items():
        fields = ", ".join(f"`{field}`" for field in data.model_fields)
        yield f"| `{name}` | {meaning} | {fields} |\n"
    yield "\n## The envelope\n\n| field | meaning |\n|---|---|\n"
    for name, field in public_events.PublicEvent.model_fields.items():
        yield f"| `{name}` | {field.description or ''} |\n"


def _broken(path: Path) -> Iterator[str]:
    """Say what people who read this type of public event rely on, and would lose."""
    if path.parent != PUBLIC_SCHEMAS or not path.exists():
        return
    for place in breaks(json.loads(path.read_text()), json.loads(pages()[path])):
        yield f"{path.stem}: {place}; publish a new type, which ends in the next version (.v2)"


def gone() -> list[str]:
    """Name the types of public events that were promised, and are in the catalogue no more."""
    kept = {path.stem for path in PUBLIC_SCHEMAS.glob("*.json")} - set(public_events.CATALOGUE)
    return [f"{name}: is gone, and somebody may wait for it; put it back" for name in sorted(kept)]


def main(arguments: list[str]) -> int:
    """Write the pages, or with ``--check`` name those that are out of date."""
    check = "--check" in arguments
    stale = [
        path for path, text in pages().items() if not path.exists() or path.read_text() != text
    ]
    broken = [line for path in stale for line in _broken(path)] + gone()
    if broken and not check:
        print("\n".join(broken))
        return 1
    for path in stale:
        print(f"out of date: {path.relative_to(ROOT)}" if check else path.relative_to(ROOT))
        if not check:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(pages()[path])
    return 1 if check and stale else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
