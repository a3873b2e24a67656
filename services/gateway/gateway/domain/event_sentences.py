"""An event in words: one line for people, and what else they want to know."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final


class Level(StrEnum):
    """How much it is worth an interruption."""

    GOOD = "good"
    INFO = "info"
    WARNING = "warning"
    BAD = "bad"


@dataclass(frozen=True, slots=True, kw_only=True)
class Sentence:
    """``title``: one line. ``text``: what helps, or nothing."""

    title: str
    text: str = ""
    level: Level = Level.INFO


# Level and line of each type; names in braces are those of ``_words``.
SENTENCES: Final[Mapping[str, tuple[Level, str]]] = {
    "operation.accepted": (Level.INFO, "{server}: {kind} asked for"),
    "operation.started": (Level.INFO, "{server}: {kind} has begun"),
    "operation.step_changed": (Level.INFO, "{server}: {kind}, {step} {step_state}"),
    "operation.failing": (Level.WARNING, "{server}: {kind} failed, and is being taken back"),
    "operation.cancelling": (Level.INFO, "{server}: {kind} is being called off"),
    "operation.succeeded": (Level.GOOD, "{server}: {kind} done"),
    "operation.failed": (Level.BAD, "{server}: {kind} failed"),
    "operation.cancelled": (Level.INFO, "{server}: {kind} called off"),
    "server.provisioning": (Level.INFO, "{server}: {game} is being installed"),
    "server.ready": (Level.GOOD, "{server} is ready: {connect}"),
    "server.starting": (Level.INFO, "{server} is starting"),
    "server.stopping": (Level.INFO, "{server} is stopping"),
    "server.stopped": (Level.INFO, "{server} is off"),
    "server.restarting": (Level.INFO, "{server} is restarting"),
    "server.changing": (Level.INFO, "{server} is being changed"),
    "server.failed": (Level.BAD, "{server} has failed"),
    "server.deleting": (Level.INFO, "{server} is being removed"),
    "server.deleted": (Level.INFO, "{server} is gone"),
    "server.removal_blocked": (Level.BAD, "{server}: its VM could not be removed"),
    "server.players_changed": (Level.INFO, "{server}: {players} playing"),
    "template.ready": (Level.GOOD, "A template of {game} is ready"),
    "template.deleted": (Level.INFO, "A template of {game} is gone"),
    "webhook.ping": (Level.INFO, "Ping: events arrive here"),
    "webhook.endpoint_failing": (Level.WARNING, "Webhook {webhook}: nothing has arrived for long"),
    "webhook.endpoint_disabled": (Level.BAD, "Webhook {webhook} is disabled"),
    "webhook.endpoint_recovered": (Level.GOOD, "Webhook {webhook}: events arrive again"),
    "webhook.delivery_exhausted": (Level.WARNING, "Webhook {webhook}: one event did not arrive"),
}


def sentence_of(event: Mapping[str, Any]) -> Sentence:
    """Return an event in words; ``event`` is its envelope as JSON."""
    level, line = SENTENCES[event["type"]]
    data = event["data"]
    error = data.get("error")
    text = f"{error['detail']}\n{error['remedy']}" if error else str(data.get("reason") or "")
    return Sentence(title=line.format_map(_words(data)), text=text, level=level)


def _words(data: Mapping[str, Any]) -> Mapping[str, str]:
    server, operation = data.get("server", {}), data.get("operation", {})
    step, most = data.get("step", {}), data.get("max_players")
    return {
        "server": server.get("name", ""),
        "game": server.get("game", ""),
        "kind": operation.get("kind", ""),
        "step": step.get("name", ""),
        "step_state": step.get("state", ""),
        "connect": data.get("connect") or "people can play",
        "players": f"{data.get('players', 0)}" + (f" of {most}" if most else ""),
        "webhook": data.get("webhook", {}).get("name", ""),
    }
