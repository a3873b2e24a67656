"""Problem responses by RFC 9457, and which refusal gets which status.

A problem never repeats what was sent: values may be secrets.
"""

from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Final

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse
from pydantic import BaseModel

from gateway.domain import (
    administration,
    admission,
    endpoint_refusals,
    errors,
    target,
    template,
)

MEDIA_TYPE: Final = "application/problem+json"
DOCUMENTATION: Final = "/v1/problems"


class FaultView(BaseModel):
    """One thing wrong with the request: where, and why."""

    pointer: str
    detail: str


class Problem(BaseModel):
    """Why a request was answered with no. Programs read ``code``; the rest is for people."""

    type: str
    title: str
    status: int
    code: str
    detail: str
    errors: list[FaultView] = []
    remedy: str | None = None
    request_id: str | None = None


STATUS: Final[Mapping[type[errors.Refused], HTTPStatus]] = {
    admission.NotAuthenticated: HTTPStatus.UNAUTHORIZED,
    admission.BadCredentials: HTTPStatus.UNAUTHORIZED,
    admission.RefreshTokenRefused: HTTPStatus.UNAUTHORIZED,
    admission.SetupRefused: HTTPStatus.FORBIDDEN,
    errors.EventTypeNotFound: HTTPStatus.NOT_FOUND,
    errors.GameNotFound: HTTPStatus.NOT_FOUND,
    errors.OperationNotFound: HTTPStatus.NOT_FOUND,
    errors.ServerNotFound: HTTPStatus.NOT_FOUND,
    template.TemplateNotFound: HTTPStatus.NOT_FOUND,
    template.TemplateInUse: HTTPStatus.CONFLICT,
    admission.SetupDone: HTTPStatus.CONFLICT,
    errors.ServerBusy: HTTPStatus.CONFLICT,
    errors.ServerDeleted: HTTPStatus.CONFLICT,
    errors.PhaseForbids: HTTPStatus.CONFLICT,
    errors.OperationEnded: HTTPStatus.CONFLICT,
    errors.NotCancellable: HTTPStatus.CONFLICT,
    admission.PasswordTooWeak: HTTPStatus.UNPROCESSABLE_ENTITY,
    errors.UnknownGame: HTTPStatus.UNPROCESSABLE_ENTITY,
    errors.UnknownPlan: HTTPStatus.UNPROCESSABLE_ENTITY,
    errors.PlanTooSmall: HTTPStatus.UNPROCESSABLE_ENTITY,
    errors.SettingsRefused: HTTPStatus.UNPROCESSABLE_ENTITY,
    errors.NothingToChange: HTTPStatus.UNPROCESSABLE_ENTITY,
    errors.NoVersions: HTTPStatus.UNPROCESSABLE_ENTITY,
    errors.NeedsNewWorld: HTTPStatus.UNPROCESSABLE_ENTITY,
    errors.NotTogether: HTTPStatus.UNPROCESSABLE_ENTITY,
    errors.DiskCannotShrink: HTTPStatus.UNPROCESSABLE_ENTITY,
    target.UrlRefused: HTTPStatus.UNPROCESSABLE_ENTITY,
    errors.KeyReused: HTTPStatus.UNPROCESSABLE_ENTITY,
    admission.TooManyAttempts: HTTPStatus.TOO_MANY_REQUESTS,
    errors.TooManyStreams: HTTPStatus.TOO_MANY_REQUESTS,
    admission.Busy: HTTPStatus.SERVICE_UNAVAILABLE,
    endpoint_refusals.EndpointNotFound: HTTPStatus.NOT_FOUND,
    endpoint_refusals.EndpointDisabled: HTTPStatus.CONFLICT,
    endpoint_refusals.TooManyEndpoints: HTTPStatus.CONFLICT,
    endpoint_refusals.TooManyKeys: HTTPStatus.CONFLICT,
    endpoint_refusals.RevisionStale: HTTPStatus.PRECONDITION_FAILED,
    endpoint_refusals.EndpointRefused: HTTPStatus.UNPROCESSABLE_ENTITY,
    endpoint_refusals.ReplayRefused: HTTPStatus.UNPROCESSABLE_ENTITY,
    endpoint_refusals.UnknownEventType: HTTPStatus.UNPROCESSABLE_ENTITY,
    endpoint_refusals.RevisionMissing: HTTPStatus.PRECONDITION_REQUIRED,
    administration.AdminOnly: HTTPStatus.FORBIDDEN,
    administration.HypervisorNotSet: HTTPStatus.CONFLICT,
    administration.HypervisorSettingsChanged: HTTPStatus.CONFLICT,
    administration.SealingOff: HTTPStatus.CONFLICT,
    administration.SweepBusy: HTTPStatus.CONFLICT,
    administration.HypervisorTrouble: HTTPStatus.BAD_GATEWAY,
    administration.HypervisorSettingsRefused: HTTPStatus.UNPROCESSABLE_ENTITY,
    administration.AnswerFailed: HTTPStatus.BAD_GATEWAY,
    administration.ServiceAway: HTTPStatus.SERVICE_UNAVAILABLE,
}

# Refusals of HTTP itself: code -> (status, title).
GENERAL: Final[Mapping[str, tuple[HTTPStatus, str]]] = {
    "bad_request": (HTTPStatus.BAD_REQUEST, "The request is malformed"),
    "malformed_json": (HTTPStatus.BAD_REQUEST, "The body is not JSON as we accept it"),
    "token_in_url": (HTTPStatus.BAD_REQUEST, "A credential does not belong into the URL"),
    "forbidden": (HTTPStatus.FORBIDDEN, "This is not allowed"),
    "not_found": (HTTPStatus.NOT_FOUND, "There is nothing here"),
    "method_not_allowed": (HTTPStatus.METHOD_NOT_ALLOWED, "This method is not allowed here"),
    "request_timeout": (HTTPStatus.REQUEST_TIMEOUT, "The body took too long"),
    "body_too_large": (HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "The body is too large"),
    "unsupported_media_type": (HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "Send application/json"),
    "invalid_request": (HTTPStatus.UNPROCESSABLE_ENTITY, "The request is not as described"),
    "internal_error": (HTTPStatus.INTERNAL_SERVER_ERROR, "Something went wrong on our side"),
    "unavailable": (HTTPStatus.SERVICE_UNAVAILABLE, "Something we depend on does not answer"),
}


def general_problem(
    code: str,
    detail: str,
    *,
    remedy: str | None = None,
    faults: Sequence[errors.Fault] = (),
    request_id: str | None = None,
) -> JSONResponse:
    """Return the answer for a refusal of HTTP itself."""
    status, title = GENERAL[code]
    return _response(
        _problem(code, title, status, detail=detail, faults=faults), remedy, request_id
    )


def refusal_problem(refusal: errors.Refused, *, request_id: str | None) -> JSONResponse:
    """Return the answer for a refusal of ours."""
    problem = _problem(
        refusal.code,
        refusal.title,
        STATUS[type(refusal)],
        detail=refusal.detail,
        faults=refusal.faults,
    )
    response = _response(problem, refusal.remedy, request_id)
    if isinstance(refusal, admission.TooManyAttempts | admission.Busy | administration.ServiceAway):
        response.headers["Retry-After"] = str(refusal.retry_after)
    if problem.status == HTTPStatus.UNAUTHORIZED:
        response.headers["WWW-Authenticate"] = "Bearer"
    return response


def _problem(
    code: str, title: str, status: HTTPStatus, *, detail: str, faults: Sequence[errors.Fault]
) -> Problem:
    return Problem(
        type=f"{DOCUMENTATION}#{code}",
        title=title,
        status=status,
        code=code,
        detail=detail,
        errors=[FaultView(pointer=fault.pointer, detail=fault.detail) for fault in faults],
    )


def _response(problem: Problem, remedy: str | None, request_id: str | None) -> JSONResponse:
    whole = problem.model_copy(update={"remedy": remedy, "request_id": request_id})
    return JSONResponse(whole.model_dump(), status_code=problem.status, media_type=MEDIA_TYPE)


def request_id_of(request: Request) -> str | None:
    """Return the id under which the request is found in our logs."""
    return getattr(request.state, "request_id", None)


class KindOfProblem(BaseModel):
    """One kind of problem this API answers with."""

    code: str
    status: int
    title: str


class KindsOfProblem(BaseModel):
    """Every kind of problem this API answers with."""

    items: list[KindOfProblem]


router = APIRouter(prefix=DOCUMENTATION, tags=["problems"])


@router.get("")
async def list_problems() -> KindsOfProblem:
    """List every kind of problem; the ``type`` of a problem points here."""
    ours = [(kind.code, status, kind.title) for kind, status in STATUS.items()]
    general = [(code, status, title) for code, (status, title) in GENERAL.items()]
    return KindsOfProblem(
        items=[
            KindOfProblem(code=code, status=status, title=title)
            for code, status, title in sorted(ours + general)
        ]
    )
