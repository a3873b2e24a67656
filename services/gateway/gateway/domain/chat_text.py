"""Texts of strangers, made fit for chats: they stay text, are not too long, and call nobody."""

import re
from typing import Final

# Control characters but tab and newline, marks that turn the direction of writing, halves of pairs.
_UNSEEN: Final = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u200b\u200e\u200f\u2028-\u202e\u2060-\u2069\ufeff\ud800-\udfff]"
)
_MARKUP: Final = re.compile(r"[\\`*_~|<>\[\]()#@&]|^[-+]")
_CALL: Final = re.compile("[@<]")


def cleaned(text: str) -> str:
    """Return the text without what nobody sees."""
    return _UNSEEN.sub("", text)


def one_line(text: str) -> str:
    """Return the text in one line, without what nobody sees."""
    return cleaned(" ".join(text.split()))


def cut(text: str, longest: int) -> str:
    """Return the text, or its beginning: ``longest`` characters at most."""
    return text if len(text) <= longest else f"{text[: longest - 1]}…"


def cut_bytes(text: str, longest: int) -> str:
    """Return the text, or its beginning: ``longest`` bytes at most."""
    whole = text.encode()
    if len(whole) <= longest:
        return text
    return whole[: longest - len("…".encode())].decode(errors="ignore") + "…"


def fenced(text: str) -> str:
    """Put a text where Markdown reads none: a block of code, which it cannot end."""
    return "```\n" + text.replace("`", "'") + "\n```" if text else ""


def escaped(line: str) -> str:
    """Write one line so that Markdown shows it as it is; at most twice as long."""
    return _MARKUP.sub(r"\\\g<0>", line)


def quiet(text: str) -> str:
    """Part each sign that could begin a call from what it calls; at most twice as long."""
    return _CALL.sub("\\g<0>\u200b", text)


def entities(text: str) -> str:
    """Write the three signs that mean something to Slack as it asks for; five times as long."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
