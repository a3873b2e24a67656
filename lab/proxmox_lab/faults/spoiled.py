"""Answers that say 200 and are no use: a page of HTML, half of the JSON, far too much of it."""

from collections.abc import Callable, Mapping
from typing import Final

from aiohttp import web

from proxmox_lab.http.outgoing import JSON_TYPE

HUGE: Final = 10 << 20
_PAGE: Final = (
    b"<!DOCTYPE html>\n<html><head><title>Sign in</title></head>"
    b"<body><h1>Sign in to the network</h1></body></html>\n"
)


def _html(_: bytes) -> tuple[str, bytes]:
    return "text/html;charset=UTF-8", _PAGE


def _truncated(body: bytes) -> tuple[str, bytes]:
    return JSON_TYPE, body[: max(1, len(body) // 2)] or b'{"da'


def _huge(_: bytes) -> tuple[str, bytes]:
    head, tail = b'{"data":"', b'"}'
    return JSON_TYPE, head + b"x" * (HUGE - len(head) - len(tail)) + tail


def _empty(_: bytes) -> tuple[str, bytes]:
    return JSON_TYPE, b""


_BODIES: Final[Mapping[str, Callable[[bytes], tuple[str, bytes]]]] = {
    "html": _html,
    "truncated": _truncated,
    "huge": _huge,
    "empty": _empty,
}


def spoiled(kind: str, answer: web.Response | None) -> web.Response:
    """Return the answer as it arrives; without one, nothing was done for it."""
    whole = answer.body if answer is not None and isinstance(answer.body, bytes) else b""
    content_type, body = _BODIES[kind](whole)
    return web.Response(status=200, body=body, headers={"Content-Type": content_type})
