"""What can be typed of a webhook, and what it means to the API."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Final

import typer
from pydantic import JsonValue

from yard_cli.commands.values import held_by
from yard_cli.failure import Failure

FILTER_EXAMPLE: Final = '--filter \'{"data.players": {"$gte": 1}}\''

Webhook = Annotated[str, typer.Argument(help="Its name, or its id, or the id's beginning.")]
Types = Annotated[
    list[str] | None,
    typer.Option("--type", "-t", help="Of this type; server.* means all that begin so."),
]
Filter = Annotated[str | None, typer.Option(metavar="JSON", help="Only events that it holds for.")]
Labels = Annotated[
    list[str] | None,
    typer.Option("--label", "-l", metavar="KEY=VALUE", help="Only of servers with this label."),
]
Format = Annotated[
    str | None,
    typer.Option(help="standard, discord, slack, mattermost, telegram, ntfy."),
]
Options = Annotated[
    list[str] | None,
    typer.Option("--option", metavar="KEY=VALUE", help="chat_id for telegram, topic for ntfy."),
]
Headers = Annotated[
    list[str] | None,
    typer.Option(
        "--header-file", metavar="NAME=FILE", help="A header sent along; a file, or -, holds it."
    ),
]
Rate = Annotated[float | None, typer.Option(help="Deliveries a second at most.")]
MaxInFlight = Annotated[int | None, typer.Option(help="Deliveries at a time; 2 by default.")]
InOrder = Annotated[
    bool | None,
    typer.Option("--in-order/--as-they-come", help="A server's next event waits for the former."),
]
Scheme = Annotated[
    str | None, typer.Option(help="Signs by v1, a shared secret, or v1a, a public key.")
]
SecretTo = Annotated[
    Path | None, typer.Option("--secret-to", metavar="FILE", help="Write the secret there.")
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Typed:
    """What was typed; what was not is none."""

    types: Sequence[str] | None = None
    filter: str | None = None
    labels: Sequence[str] | None = None
    format: str | None = None
    options: Sequence[str] | None = None
    headers: Sequence[str] | None = field(default=None, repr=False)
    rate: float | None = None
    max_in_flight: int | None = None
    in_order: bool | None = None

    def wish(self) -> dict[str, JsonValue]:
        """Return what the API is asked for: nothing of what was not typed."""
        headers = {
            name: held_by(path) for name, path in _pairs(self.headers, "--header-file NAME=FILE")
        }
        found: dict[str, JsonValue] = {
            "types": list(self.types) if self.types else None,
            "filter": self._filter(),
            "format": self.format,
            "options": dict(_pairs(self.options, "--option KEY=VALUE")) or None,
            "headers": dict(headers) or None,
            "rate": self.rate,
            "max_in_flight": self.max_in_flight,
            "in_order": self.in_order,
        }
        return {name: value for name, value in found.items() if value is not None}

    def _filter(self) -> JsonValue:
        labels: Mapping[str, JsonValue] = {
            f"data.server.labels.{name}": value
            for name, value in _pairs(self.labels, "--label KEY=VALUE")
        }
        if self.filter is None:
            return dict(labels) or None
        try:
            said = json.loads(self.filter)
        except ValueError:
            raise Failure("the filter is no JSON", f"write it as: {FILTER_EXAMPLE}") from None
        if not isinstance(said, dict):
            raise Failure("the filter is no JSON object", f"write it as: {FILTER_EXAMPLE}")
        return {**said, **labels}


def _pairs(typed: Sequence[str] | None, example: str) -> list[tuple[str, str]]:
    found = [one.partition("=") for one in typed or ()]
    if any(not name or not equals for name, equals, _ in found):
        raise Failure("a part has no name or no value", f"write it as: {example}")
    return [(name, value) for name, _, value in found]
