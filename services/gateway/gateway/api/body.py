"""Refuse bodies that are too large, too slow, not JSON, or JSON that means trouble later.

Python's parser takes NaN, infinity and lone surrogates, which no database keeps; doubled
keys and endless nesting mean different things to different readers.
"""

import asyncio
import json
import math
from collections.abc import Iterator
from typing import Final, NoReturn

from starlette.datastructures import Headers
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from gateway.api.problems import general_problem

MAX_BODY: Final = 1_048_576
MAX_DEPTH: Final = 32
MAX_NUMBER: Final = 2**53
PATIENCE: Final = 30.0  # seconds for a whole body


class BodyRefused(Exception):
    """The code of the problem, then its detail."""

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(detail)
        self.code = code
        self.detail = detail


class StrictBody:
    """Reads each body once, checks it, and hands it on whole."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass on what can be accepted; answer the rest with a problem."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        try:
            async with asyncio.timeout(PATIENCE):
                body = await _read(Headers(scope=scope), receive)
            _check(Headers(scope=scope), body)
        except BodyRefused as refusal:
            await _answer(refusal, scope)(scope, receive, send)
        except TimeoutError:
            await _answer(BodyRefused("request_timeout", "The body did not arrive."), scope)(
                scope, receive, send
            )
        else:
            await self._app(scope, _Replay(body, receive), send)


class _Replay:
    """Gives the body once, then waits with the server for the client to go."""

    def __init__(self, body: bytes, receive: Receive) -> None:
        self._body: bytes | None = body
        self._receive = receive

    async def __call__(self) -> Message:
        if self._body is None:
            return await self._receive()
        body, self._body = self._body, None
        return {"type": "http.request", "body": body, "more_body": False}


def _answer(refusal: BodyRefused, scope: Scope) -> Response:
    request_id = scope.get("state", {}).get("request_id")
    response = general_problem(refusal.code, refusal.detail, request_id=request_id)
    response.headers["Connection"] = "close"  # the rest of the body may still be under way
    return response


async def _read(headers: Headers, receive: Receive) -> bytes:
    announced = headers.get("content-length", "0")
    if not announced.isdecimal() or int(announced[:20]) > MAX_BODY:
        raise BodyRefused("body_too_large", f"A body may have {MAX_BODY} bytes.")
    body = bytearray()
    more = True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise BodyRefused("bad_request", "The body broke off.")
        body += message.get("body", b"")
        more = message.get("more_body", False)
        if len(body) > MAX_BODY:
            raise BodyRefused("body_too_large", f"A body may have {MAX_BODY} bytes.")
    return bytes(body)


def _check(headers: Headers, body: bytes) -> None:
    if not body:
        return
    kind = headers.get("content-type", "").split(";")[0].strip().lower()
    if kind != "application/json":
        raise BodyRefused("unsupported_media_type", "The body must be application/json.")
    try:
        parsed = json.loads(
            body.decode("utf-8"), parse_constant=_refuse_constant, object_pairs_hook=_unique
        )
    except (ValueError, RecursionError):
        raise BodyRefused("malformed_json", "The body is not well-formed JSON in UTF-8.") from None
    for value, depth in _values(parsed):
        _check_value(value, depth)


def _refuse_constant(_: str) -> NoReturn:
    raise ValueError("not a number of JSON")


def _unique(pairs: list[tuple[str, object]]) -> dict[str, object]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise BodyRefused("malformed_json", "An object holds the same name twice.")
    return found


def _values(root: object) -> Iterator[tuple[object, int]]:
    """Walk through every name and value, without recursion."""
    waiting: list[tuple[object, int]] = [(root, 0)]
    while waiting:
        value, depth = waiting.pop()
        yield value, depth
        inner: list[object] = []
        if isinstance(value, dict):
            inner = [*value.keys(), *value.values()]
        elif isinstance(value, list):
            inner = [*value]
        waiting.extend((part, depth + 1) for part in inner)


def _check_value(value: object, depth: int) -> None:
    if depth > MAX_DEPTH:
        raise BodyRefused("malformed_json", f"The body is nested deeper than {MAX_DEPTH}.")
    match value:
        case float() if not math.isfinite(value):
            raise BodyRefused("malformed_json", "A number is too large.")
        case int() if abs(value) > MAX_NUMBER:
            raise BodyRefused("malformed_json", "A number is too large.")
        case str() if "\x00" in value or any("\ud800" <= c <= "\udfff" for c in value):
            raise BodyRefused("malformed_json", "A text holds a character that is none.")
        case _:
            pass
