"""``/v1/operations/{id}/log/stream``: a WebSocket that tells the log from a sequence on, live.

client  {"type":"auth","ticket":"…","after":0}      first, within five seconds
server  {"type":"lines","lines":[…]}                 again and again
server  {"type":"end"}                               then closes with 1000

Closes with 4400 (not understood), 4401 (ticket refused), 4403 (ticket for another
operation), 4408 (too slow; resume with the ``after`` it names), 1012 (restart; resume),
1013 (something we need does not answer; resume in a moment).
"""

import asyncio
import json
from collections.abc import Collection, Coroutine
from contextlib import suppress
from dataclasses import dataclass
from typing import Annotated, Any, Final, Literal

from fastapi import APIRouter, WebSocket
from fastapi.responses import PlainTextResponse
from pydantic import BaseModel, Field, ValidationError
from starlette.websockets import WebSocketDisconnect

from log_service.api.history import SECRETS
from log_service.api.origin import is_welcome
from log_service.api.problems import SECRET_IN_URL, response
from log_service.domain.errors import KeysUnavailable, TicketForAnother, TicketRefused, TooSlow
from log_service.handlers import admit
from log_service.ports import Hub, Tickets, View

CHATTER: Final = 100  # frames a client may send that has nothing to say
END: Final = json.dumps({"type": "end"})


class Opening(BaseModel, frozen=True, extra="forbid"):
    """The client's first frame."""

    type: Literal["auth"]
    ticket: Annotated[str, Field(min_length=1, max_length=8192)]
    after: Annotated[int, Field(ge=0, le=2**63 - 1, strict=True)] = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Patience:
    """How long (seconds) a client may take to open, and to take its leave."""

    opening: float = 5
    closing: float = 5


@dataclass(frozen=True, slots=True)
class _Farewell(Exception):
    code: int
    reason: str = ""


def stream_routes(
    *, hub: Hub, tickets: Tickets, origins: Collection[str], patience: Patience | None = None
) -> APIRouter:
    """Return the routes."""
    routes = APIRouter(tags=["logs"])
    times = patience or Patience()

    @routes.websocket("/v1/operations/{id}/log/stream")
    async def stream(socket: WebSocket, id: str) -> None:
        """Tell the log."""
        if not await _let_in(socket, origins=origins):
            return
        try:
            after = await _opened(socket, id, tickets=tickets, patience=times.opening)
            async with hub.view(id, after=after) as view:
                farewell = await _tell(socket, view)
        except _Farewell as refusal:
            farewell = refusal
        except WebSocketDisconnect:
            return
        except ConnectionError:
            farewell = _Farewell(1013, "the record does not answer; try again")
        # A client that does not read does not read its farewell either.
        with suppress(TimeoutError, WebSocketDisconnect, RuntimeError):
            async with asyncio.timeout(times.closing):
                await socket.close(farewell.code, farewell.reason)

    return routes


async def _let_in(socket: WebSocket, *, origins: Collection[str]) -> bool:
    """Accept the socket, or answer its handshake with a refusal."""
    headers = socket.headers
    if SECRETS & socket.query_params.keys():
        await socket.send_denial_response(response(SECRET_IN_URL))
        return False
    if not is_welcome(headers.get("origin"), host=headers.get("host"), allowed=origins):
        refusal = PlainTextResponse("This origin is not allowed.", status_code=403)
        await socket.send_denial_response(refusal)
        return False
    await socket.accept()
    return True


async def _opened(socket: WebSocket, id: str, *, tickets: Tickets, patience: float) -> int:
    """Read and judge the first frame; return where to begin."""
    try:
        async with asyncio.timeout(patience):
            opening = Opening.model_validate_json(await _text(socket))
            await admit(opening.ticket, stream_id=id, tickets=tickets)
    except TimeoutError:
        raise _Farewell(4401, "no ticket in time") from None
    except ValidationError:
        raise _Farewell(4400, "the first frame was not understood") from None
    except TicketRefused:
        raise _Farewell(4401, "ticket refused") from None
    except TicketForAnother:
        raise _Farewell(4403, "the ticket is for another operation") from None
    except KeysUnavailable:
        raise _Farewell(1013, "the gateway does not answer; try again") from None
    return opening.after


async def _text(socket: WebSocket) -> str:
    message = await socket.receive()
    if message["type"] == "websocket.disconnect":
        raise WebSocketDisconnect(message.get("code", 1005))
    return message.get("text") or ""


async def _tell(socket: WebSocket, view: View) -> _Farewell:
    """Send the log until it ends, the client leaves, or the client is too slow."""
    parts: tuple[Coroutine[Any, Any, _Farewell], ...] = (
        _send(socket, view),
        _watch_pace(view),
        _listen(socket),
    )
    tasks = [asyncio.ensure_future(part) for part in parts]
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    return next(task.result() for task in tasks if task in done)


async def _send(socket: WebSocket, view: View) -> _Farewell:
    try:
        async for frame in view.frames():
            await socket.send_text(frame.text)
    except TooSlow as slow:
        return _too_slow(slow.sequence)
    await socket.send_text(END)
    return _Farewell(1000)


async def _watch_pace(view: View) -> _Farewell:
    return _too_slow(await view.fallen_behind())


async def _listen(socket: WebSocket) -> _Farewell:
    """Hear the client leave: who only sends never notices."""
    for _ in range(CHATTER):
        await _text(socket)
    return _Farewell(1008, "too many frames")


def _too_slow(sequence: int) -> _Farewell:
    return _Farewell(4408, json.dumps({"after": sequence}))
