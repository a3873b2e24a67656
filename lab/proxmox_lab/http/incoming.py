"""A request as Proxmox's HTTP layer takes it apart, with that layer's own refusals."""

import json
import secrets
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final, cast
from urllib.parse import parse_qsl, unquote

from aiohttp import BodyPartReader, web

from proxmox_lab.refusal import PlainRefusal

BODY_LIMIT: Final = 512 * 1024
_VERBS: Final = frozenset({"GET", "POST", "PUT", "DELETE"})
_FORM: Final = "application/x-www-form-urlencoded"
_JSON: Final = "application/json"
_MULTIPART: Final = "multipart/form-data"
_PLACE: Final = "/var/tmp/pveupload-{}"  # noqa: S108 (a name, nothing is written)
_LINES: Final = {False: (917, 957), True: (934, 978)}  # where broken and odd bodies are noticed
_PERL: Final = "at /usr/share/perl5/PVE/APIServer/AnyEvent.pm line"


@dataclass(frozen=True, slots=True)
class Incoming:
    """Verb, path below the API's root, and parameters."""

    verb: str
    path: tuple[str, ...]
    parameters: dict[str, Any]
    uploaded: int = 0  # bytes of the file that came along

    @property
    def shown_path(self) -> str:
        return "/" + "/".join(self.path)


async def read(request: web.Request, below: str, *, modern: bool) -> Incoming:
    """Take a request apart; ``below`` is its raw path without the API's root."""
    if request.method not in _VERBS:
        raise PlainRefusal(f"method '{request.method}' not available", status=501)
    path = tuple(unquote(part) for part in below.split("/") if part)
    query = _gathered(parse_qsl(request.rel_url.raw_query_string, keep_blank_values=True))
    query.pop("_dc", None)
    if request.method == "POST" and request.content_type == _MULTIPART:
        body, uploaded = await _parts(request)
        return Incoming(verb=request.method, path=path, parameters=body | query, uploaded=uploaded)
    body = await _body(request, modern=modern)
    return Incoming(verb=request.method, path=path, parameters=body | query)


async def _parts(request: web.Request) -> tuple[dict[str, Any], int]:
    """Read fields and one file, of which only name and size are kept."""
    found: dict[str, Any] = {}
    uploaded = 0
    async for part in await request.multipart():
        if not isinstance(part, BodyPartReader) or part.name is None:
            continue
        if part.filename is None:
            found[part.name] = await part.text()
            continue
        found |= {part.name: part.filename, "tmpfilename": _PLACE.format(secrets.token_hex(16))}
        while chunk := await part.read_chunk():
            uploaded += len(chunk)
    return found, uploaded


async def _body(request: web.Request, *, modern: bool) -> dict[str, Any]:
    if not request.can_read_body:
        return {}
    raw = await request.content.read(BODY_LIMIT + 1) if _fits(request) else b""
    if len(raw) > BODY_LIMIT or not _fits(request):
        raise PlainRefusal("for data too large", status=501)
    if not raw:
        return {}
    if request.method in ("GET", "DELETE"):
        raise PlainRefusal(f"Unexpected content for method '{request.method}'", status=501)
    raw += await request.content.read(BODY_LIMIT)
    if request.content_type == _JSON:
        return _json(raw, modern=modern)
    if request.content_type != _FORM:
        kind = request.headers.get("Content-Type", "")
        raise PlainRefusal(f"upload 'Content-Type '{kind}' not implemented", status=506)
    return _gathered(parse_qsl(raw.decode("utf-8", "replace"), keep_blank_values=True))


def _fits(request: web.Request) -> bool:
    return (request.content_length or 0) <= BODY_LIMIT


def _json(raw: bytes, *, modern: bool) -> dict[str, Any]:
    lines = _LINES[modern]
    try:
        found = json.loads(raw)
    except ValueError as broken:
        where = getattr(broken, "pos", 0)
        text = (
            "malformed JSON string, neither tag, array, object, number, string or atom, "
            f'at character offset {where} (before "(end of string)") {_PERL} {lines[0]}.'
        )
        raise PlainRefusal(text) from broken
    if not isinstance(found, dict):
        raise PlainRefusal(f"Not a HASH reference {_PERL} {lines[1]}.")
    return cast("dict[str, Any]", found)


def _gathered(pairs: Iterable[tuple[str, str]]) -> dict[str, Any]:
    """A repeated key becomes a list."""
    found: dict[str, Any] = {}
    for key, value in pairs:
        if key in found:
            earlier = found[key]
            found[key] = [*(earlier if isinstance(earlier, list) else [earlier]), value]
        else:
            found[key] = value
    return found
