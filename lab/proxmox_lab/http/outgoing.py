"""Answers in Proxmox's envelope: the error text stands in the reason phrase."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from html import escape
from http import HTTPStatus
from typing import Any, Final

from aiohttp import web

from proxmox_lab.refusal import PlainRefusal, Refusal

JSON_TYPE: Final = "application/json;charset=UTF-8"
_HEADERS: Final = {
    "Server": "pve-api-daemon/3.0",
    "Cache-Control": "max-age=0",
    "Pragma": "no-cache",
}


@dataclass(frozen=True, slots=True)
class Page:
    """Data that comes with keys next to it, such as ``total``."""

    data: Any
    beside: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Text:
    """Data that is answered as plain text."""

    text: str


def success(result: object, *, extjs: bool) -> web.Response:
    """Wrap what a method returned."""
    if isinstance(result, Text):
        return web.Response(text=result.text, headers=_HEADERS)
    page = result if isinstance(result, Page) else Page(result, {})
    body = {"data": page.data, **page.beside} | ({"success": 1} if extjs else {})
    return _json(200, "OK", body)


def failure(refusal: Refusal, *, extjs: bool) -> web.Response:
    """Wrap a refusal."""
    reason = refusal.text.strip().split("\n")[0]
    if isinstance(refusal, PlainRefusal):
        body = refusal.text + "\n" if refusal.status == HTTPStatus.INTERNAL_SERVER_ERROR else ""
        return web.Response(status=refusal.status, reason=reason, text=body, headers=_HEADERS)
    if refusal.status == HTTPStatus.UNAUTHORIZED and refusal.errors is None:
        return web.Response(status=401, reason=reason, headers=_HEADERS)
    bare = refusal.status == HTTPStatus.NOT_IMPLEMENTED
    message = refusal.text if bare else f"{refusal.text.rstrip()}\n"
    answer: dict[str, Any] = {"data": None, "message": message}
    if refusal.errors:
        answer["errors"] = dict(refusal.errors)
    if extjs:
        return _json(200, "OK", answer | {"success": 0, "status": refusal.status})
    return _json(refusal.status, reason, answer)


def as_page(answer: web.Response) -> web.Response:
    """Turn an answer into a web page that shows it."""
    shown = escape(answer.text or answer.reason)
    page = f"<!DOCTYPE html>\n<html><body><pre>{shown}</pre></body></html>\n"
    response = web.Response(status=answer.status, reason=answer.reason, headers=_HEADERS)
    response.body = page.encode()
    response.headers["Content-Type"] = "text/html;charset=UTF-8"
    return response


def _json(status: int, reason: str, body: Mapping[str, Any]) -> web.Response:
    text = json.dumps(body, ensure_ascii=False, separators=(",", ":"))
    response = web.Response(status=status, reason=reason, headers=_HEADERS)
    response.body = text.encode()
    response.headers["Content-Type"] = JSON_TYPE
    return response
