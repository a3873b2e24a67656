"""Events as chats show them: fixed builders, one for each kind of chat; nobody writes templates.

What a player, a game or a package may have put into an event's texts stays text: nothing of it is
markup, and nothing calls anybody by name.

Sources: Discord's "Execute Webhook", Slack's "Incoming webhooks" and "Block Kit", Mattermost's
"Incoming webhooks", Telegram's "sendMessage", ntfy's "Publish as JSON".
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

from gateway.domain.event_sentences import Level, Sentence, sentence_of

LONGEST: Final = 1500  # characters; Discord takes 2,000, the others more
COLOURS: Final[Mapping[Level, int]] = {
    Level.GOOD: 0x2E9E4F,
    Level.INFO: 0x4A6FA5,
    Level.WARNING: 0xD9A514,
    Level.BAD: 0xC0392B,
}


class Format(StrEnum):
    """The shape of what is sent."""

    STANDARD = "standard"
    DISCORD = "discord"
    SLACK = "slack"
    MATTERMOST = "mattermost"
    TELEGRAM = "telegram"
    NTFY = "ntfy"


# What a format needs to know besides the address, and what that is.
OPTIONS: Final[Mapping[Format, Mapping[str, str]]] = {
    Format.TELEGRAM: {"chat_id": "id of the chat, or @name of a channel"},
    Format.NTFY: {"topic": "the topic; the address is the server's own (https://ntfy.sh)"},
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """An event in its envelope, as JSON, and its sentence."""

    event: Mapping[str, Any]
    sentence: Sentence


def body_of(format: Format, event: Mapping[str, Any], options: Mapping[str, str]) -> bytes:
    """Return the body of a delivery; it is JSON in every format."""
    told = event if format is Format.STANDARD else BUILDERS[format](_told(event), options)
    return json.dumps(told, ensure_ascii=False, separators=(",", ":")).encode()


def _told(event: Mapping[str, Any]) -> Told:
    return Told(event=event, sentence=sentence_of(event))


def _discord(told: Told, _options: Mapping[str, str]) -> dict[str, Any]:
    embed = {
        "title": _cut(told.sentence.title, 250),
        "description": _cut(_fenced(told.sentence.text)),
        "color": COLOURS[told.sentence.level],
        "timestamp": told.event["time"],
        "footer": {"text": told.event["type"]},
    }
    return {"embeds": [embed], "allowed_mentions": {"parse": []}}


def _slack(told: Told, _options: Mapping[str, str]) -> dict[str, Any]:
    lines = _whole(told)
    block = {"type": "section", "text": {"type": "plain_text", "text": lines, "emoji": False}}
    return {"text": _entities(told.sentence.title), "blocks": [block]}


def _mattermost(told: Told, _options: Mapping[str, str]) -> dict[str, Any]:
    attachment = {
        "fallback": _quiet(told.sentence.title),
        "color": f"#{COLOURS[told.sentence.level]:06x}",
        "title": _quiet(told.sentence.title),
        "text": _quiet(_fenced(told.sentence.text)),
    }
    return {"attachments": [attachment]}


def _telegram(told: Told, options: Mapping[str, str]) -> dict[str, Any]:
    return {
        "chat_id": options["chat_id"],
        "text": _whole(told),  # without a parse_mode it is text
        "link_preview_options": {"is_disabled": True},
    }


def _ntfy(told: Told, options: Mapping[str, str]) -> dict[str, Any]:
    return {
        "topic": options["topic"],
        "title": _cut(told.sentence.title, 250),
        "message": _cut(told.sentence.text or told.sentence.title),
        "priority": 4 if told.sentence.level is Level.BAD else 3,
        "tags": [told.event["type"]],
    }


BUILDERS: Final[Mapping[Format, Callable[[Told, Mapping[str, str]], dict[str, Any]]]] = {
    Format.DISCORD: _discord,
    Format.SLACK: _slack,
    Format.MATTERMOST: _mattermost,
    Format.TELEGRAM: _telegram,
    Format.NTFY: _ntfy,
}


def _whole(told: Told) -> str:
    return _cut("\n".join(filter(None, (told.sentence.title, told.sentence.text))))


def _cut(text: str, longest: int = LONGEST) -> str:
    return text if len(text) <= longest else f"{text[: longest - 1]}…"


def _fenced(text: str) -> str:
    """Put a text where no markup is read: a block of code that it cannot end."""
    if not text:
        return ""
    return "```\n" + _cut(text.replace("```", "ʼʼʼ")) + "\n```"


def _quiet(text: str) -> str:
    """Let no @name call anybody."""
    return text.replace("@", "@\u200b")


def _entities(text: str) -> str:
    """Write the three signs that mean something to Slack as it asks for."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
