"""Events as chats show them: fixed builders, one for each kind of chat; nobody writes templates.

What a player, a game or a package may have put into an event's texts stays text: nothing of it is
markup, and nothing calls anybody by name. (A chat may still make an address clickable.)

Sources: Discord's "Execute Webhook", Slack's "Incoming webhooks" and "Block Kit", Mattermost's
"Incoming webhooks", Telegram's "sendMessage", ntfy's "Publish as JSON".
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

from gateway.domain.chat_text import (
    cleaned,
    cut,
    cut_bytes,
    entities,
    escaped,
    fenced,
    one_line,
    quiet,
)
from gateway.domain.event_sentences import Level, sentence_of

# Characters. Written out for any chat they are twice as many: Discord takes 256 and 4,096, a text
# of Slack's 3,000, Telegram 4,096 in all.
TITLE: Final = 120
TEXT: Final = 1_300
NTFY_BYTES: Final = 3_000  # a message of 4,096 becomes a file; the whole body is 8,192 at most

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
    """An event in words that may be shown. ``title``: one line. ``text``: more, or nothing."""

    type: str
    time: str
    title: str
    text: str
    level: Level

    @property
    def whole(self) -> str:
        """All there is to say."""
        return f"{self.title}\n{self.text}" if self.text else self.title


def body_of(format: Format, event: Mapping[str, Any], options: Mapping[str, str]) -> bytes:
    """Return the body of a delivery, JSON in every format; ``event`` is its envelope as JSON."""
    told = event if format is Format.STANDARD else BUILDERS[format](_told(event), options)
    text = json.dumps(told, ensure_ascii=False, separators=(",", ":"))
    return text.encode(errors="backslashreplace")  # half a pair, \ud800, is JSON's escape, too


def _told(event: Mapping[str, Any]) -> Told:
    sentence = sentence_of(event)
    return Told(
        type=event["type"],
        time=event["time"],
        title=cut(one_line(sentence.title), TITLE),
        text=cut(cleaned(sentence.text).strip(), TEXT),
        level=sentence.level,
    )


def _discord(told: Told, _options: Mapping[str, str]) -> Mapping[str, Any]:
    embed = {
        "title": escaped(told.title),
        "description": fenced(told.text),
        "color": COLOURS[told.level],
        "timestamp": told.time,
        "footer": {"text": told.type},
    }
    return {"embeds": [embed], "allowed_mentions": {"parse": []}}


def _slack(told: Told, _options: Mapping[str, str]) -> Mapping[str, Any]:
    text = {"type": "plain_text", "text": quiet(told.whole), "emoji": False}
    return {
        "text": entities(quiet(told.title)),  # what notifications show
        "mrkdwn": False,
        "blocks": [{"type": "section", "text": text}],
    }


def _mattermost(told: Told, _options: Mapping[str, str]) -> Mapping[str, Any]:
    # It reads Slack's <!channel> and <@id>, even in blocks of code.
    attachment = {
        "fallback": quiet(told.title),
        "color": f"#{COLOURS[told.level]:06x}",
        "title": quiet(escaped(told.title)),
        "text": quiet(fenced(told.text)),
    }
    return {"attachments": [attachment]}


def _telegram(told: Told, options: Mapping[str, str]) -> Mapping[str, Any]:
    return {
        "chat_id": options["chat_id"],
        "text": quiet(told.whole),  # without a parse_mode there is no markup, but @name calls
        "link_preview_options": {"is_disabled": True},
    }


def _ntfy(told: Told, options: Mapping[str, str]) -> Mapping[str, Any]:
    return {
        "topic": options["topic"],
        "title": told.title if told.text else "",
        "message": cut_bytes(told.text or told.title, NTFY_BYTES),
        "priority": 4 if told.level is Level.BAD else 3,
        "tags": [told.type],
    }


BUILDERS: Final[Mapping[Format, Callable[[Told, Mapping[str, str]], Mapping[str, Any]]]] = {
    Format.DISCORD: _discord,
    Format.SLACK: _slack,
    Format.MATTERMOST: _mattermost,
    Format.TELEGRAM: _telegram,
    Format.NTFY: _ntfy,
}
