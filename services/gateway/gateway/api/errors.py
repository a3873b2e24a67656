"""The one way out for errors: from what is raised to a problem response."""

import re
from collections.abc import Mapping, Sequence
from typing import Any, Final

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException

from gateway.api.problems import general_problem, refusal_problem, request_id_of
from gateway.domain.errors import Fault, Refused

_CODES: Final[Mapping[int, str]] = {
    403: "forbidden",
    404: "not_found",
    405: "method_not_allowed",
    413: "body_too_large",
    415: "unsupported_media_type",
}

MAX_FAULTS: Final = 50


def translate_errors(app: FastAPI) -> None:
    """Make the app answer with problems whatever is refused."""
    app.add_exception_handler(Refused, _on_refused)
    app.add_exception_handler(RequestValidationError, _on_invalid)
    app.add_exception_handler(HTTPException, _on_http)


async def _on_refused(request: Request, error: Exception) -> Response:
    assert isinstance(error, Refused)
    return refusal_problem(error, request_id=request_id_of(request))


async def _on_invalid(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    faults = [_fault(found) for found in error.errors()[:MAX_FAULTS]]
    return general_problem(
        "invalid_request",
        "Some parts of the request are not as described.",
        remedy="See /openapi.json for what is expected.",
        faults=faults,
        request_id=request_id_of(request),
    )


async def _on_http(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    code = _CODES.get(error.status_code, "bad_request")
    response = general_problem(
        code, "The request cannot be served.", request_id=request_id_of(request)
    )
    for name, value in (error.headers or {}).items():
        response.headers[name] = value
    return response


def _fault(found: Mapping[str, Any]) -> Fault:
    place: Sequence[str | int] = found["loc"]
    path = "".join(f"/{_escaped(str(part))}" for part in place[1:])
    pointer = path if place[:1] == ("body",) else f"{place[0]}:{path.lstrip('/')}"
    # Pydantic's sentences name what is wanted; those about a parse error quote what came.
    detail = (
        "is not well formed"
        if found["type"] == "json_invalid"
        else str(found["msg"]).removeprefix("Value error, ")
    )
    return Fault(pointer, detail)


def _escaped(part: str) -> str:
    printable = re.sub(r"[^\x20-\x7e]", "?", part)[:80]
    return printable.replace("~", "~0").replace("/", "~1")
