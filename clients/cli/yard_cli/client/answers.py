"""Reads what a gateway answers; refusals become failures that say what helps."""

from collections.abc import Mapping
from typing import TypeVar

import httpx
from pydantic import JsonValue, ValidationError

from yard_cli.client.models import Answer, Problem
from yard_cli.failure import Failure

A = TypeVar("A", bound=Answer)


def read(kind: type[A], response: httpx.Response) -> A:
    """Return what a response holds; a refusal is a failure."""
    return understood(kind, check(response).content)


def understood(kind: type[A], answer: bytes | Mapping[str, JsonValue]) -> A:
    """Read one thing; what is not as expected is a failure."""
    try:
        if isinstance(answer, bytes):
            return kind.model_validate_json(answer)
        return kind.model_validate(answer)
    except ValidationError as error:
        raise Failure(
            f"the gateway's answer was not understood ({error.error_count()} fields)",
            "use the yard command that came with this gateway's version",
        ) from error


def check(response: httpx.Response) -> httpx.Response:
    """Return a response that is no refusal; one that is raises, with what helps."""
    if response.is_success:
        return response
    try:
        problem = Problem.model_validate_json(response.content)
    except ValidationError:
        problem = Problem(detail=f"HTTP {response.status_code} {response.reason_phrase}")
    reason = f"{problem.title}: {problem.detail}" if problem.detail else problem.title
    details = tuple(f"{error.pointer or '/'}: {error.detail}" for error in problem.errors)
    trace = (f"request id: {problem.request_id}",) if problem.request_id else ()
    raise Failure(reason, problem.remedy, details=details + trace)
