"""Every refusal as ``application/problem+json``, without an echo of what was sent."""

from collections.abc import Mapping
from typing import Final

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from log_service.domain.errors import KeysUnavailable, TicketForAnother, TicketRefused

NEW_TICKET: Final = "Ask the gateway for a ticket: POST /v1/operations/{id}/log-tickets."


class Problem(Exception):
    """A refusal that is told to the caller."""

    def __init__(self, status: int, code: str, detail: str, *, remedy: str | None = None) -> None:
        super().__init__(detail)
        self.status = status
        self.code = code
        self.detail = detail
        self.remedy = remedy


REFUSALS: Final[Mapping[type[Exception], Problem]] = {
    TicketRefused: Problem(
        401, "ticket_refused", "The ticket is missing, wrong or expired.", remedy=NEW_TICKET
    ),
    TicketForAnother: Problem(
        403, "ticket_for_another", "The ticket is for another operation.", remedy=NEW_TICKET
    ),
    ConnectionError: Problem(
        503, "unavailable", "The record does not answer.", remedy="Try again in a moment."
    ),
    KeysUnavailable: Problem(
        503, "keys_unavailable", "The gateway does not answer.", remedy="Try again in a moment."
    ),
}

SECRET_IN_URL: Final = Problem(
    400,
    "secret_in_url",
    "Tickets are not taken from the URL, where proxies and histories keep them.",
    remedy="Send it as `Authorization: Bearer`, or in the first WebSocket frame.",
)


def response(problem: Problem, *, errors: tuple[Mapping[str, str], ...] = ()) -> JSONResponse:
    """Return the problem document."""
    body: dict[str, object] = {
        "type": f"urn:spawnyard:problem:{problem.code}",
        "title": problem.code.replace("_", " ").capitalize(),
        "status": problem.status,
        "code": problem.code,
        "detail": problem.detail,
    }
    if errors:
        body["errors"] = errors
    if problem.remedy:
        body["remedy"] = problem.remedy
    headers = {"WWW-Authenticate": "Bearer"} if problem.status == 401 else None  # noqa: PLR2004  unauthorised
    return JSONResponse(body, problem.status, headers, media_type="application/problem+json")


async def _refused(_: Request, error: Exception) -> JSONResponse:
    if isinstance(error, Problem):
        return response(error)
    return response(next(REFUSALS[kind] for kind in type(error).__mro__ if kind in REFUSALS))


async def _not_valid(_: Request, error: Exception) -> JSONResponse:
    found = error.errors() if isinstance(error, RequestValidationError) else ()
    errors = tuple(
        {"pointer": "/" + "/".join(map(str, item["loc"])), "detail": str(item["msg"])}
        for item in found
    )
    return response(Problem(422, "not_valid", "The request is not valid."), errors=errors)


async def _http(_: Request, error: Exception) -> JSONResponse:
    status = error.status_code if isinstance(error, HTTPException) else 500
    detail = str(error.detail) if isinstance(error, HTTPException) else "It failed."
    return response(Problem(status, f"http_{status}", detail))


def install(app: FastAPI) -> None:
    """Let the app answer refusals this way."""
    for refusal in (Problem, *REFUSALS):
        app.add_exception_handler(refusal, _refused)
    app.add_exception_handler(RequestValidationError, _not_valid)
    app.add_exception_handler(HTTPException, _http)
