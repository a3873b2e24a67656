"""The header under which a request counts once, however often it is sent."""

import json
from typing import Annotated

from fastapi import Header
from pydantic import BaseModel

from gateway.api.dependencies import Authenticated, Parts
from gateway.ports.records import RequestKey

IdempotencyKey = Annotated[str | None, Header(min_length=1, max_length=255)]


def request_key(
    key: str | None, body: BaseModel | None, *, route: str, caller: Authenticated, gateway: Parts
) -> RequestKey | None:
    """Return what remembers a request: its caller, its ``route`` (method, path), its body."""
    if key is None:
        return None
    asked = body.model_dump(mode="json") if body else None
    # A bare hash would let who reads the database try passwords: the rest is known.
    canonical = json.dumps(asked, sort_keys=True, separators=(",", ":"))
    return RequestKey(
        scope=f"{caller.user_id} {route}",
        key=key,
        body_hash=gateway.seals.fingerprint(canonical.encode()),
    )
