"""What goes around every request: an id, safe headers, and an answer even when we fail."""

import logging
from typing import Final
from urllib.parse import parse_qsl

from starlette.datastructures import MutableHeaders
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from common.contracts.ids import new_id
from gateway.api.problems import general_problem

log = logging.getLogger(__name__)

SAFE: Final = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}

CREDENTIALS: Final = frozenset({"token", "access_token", "refresh_token", "ticket", "password"})


class Envelope:
    """The outermost layer: nothing leaves without its id and headers."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve the request, and answer with a problem should that raise."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request_id = new_id("request")
        scope.setdefault("state", {})["request_id"] = request_id
        outgoing = _Outgoing(send, request_id)
        try:
            await self._serve(scope, receive, outgoing)
        except (OSError, TimeoutError):
            log.exception("a dependency fails", extra={"request_id": request_id})
            await outgoing.give_up("unavailable", scope, receive)
        except Exception:
            log.exception("request failed", extra={"request_id": request_id})
            await outgoing.give_up("internal_error", scope, receive)

    async def _serve(self, scope: Scope, receive: Receive, outgoing: "_Outgoing") -> None:
        query = parse_qsl(scope["query_string"].decode("latin-1"), keep_blank_values=True)
        if any(name.lower() in CREDENTIALS for name, _ in query):
            response = general_problem(
                "token_in_url",
                "URLs end up in logs; this one was refused unread.",
                remedy="Send the token in the Authorization header, and replace the one you sent.",
                request_id=outgoing.request_id,
            )
            await response(scope, receive, outgoing)
            return
        await self._app(scope, receive, outgoing)


class _Outgoing:
    """Adds the headers to what is sent, and knows whether an answer has begun."""

    def __init__(self, send: Send, request_id: str) -> None:
        self._send = send
        self._begun = False
        self.request_id = request_id

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self._begun = True
            headers = MutableHeaders(scope=message)
            headers["X-Request-ID"] = self.request_id
            for name, value in SAFE.items():
                headers.setdefault(name, value)
        await self._send(message)

    async def give_up(self, code: str, scope: Scope, receive: Receive) -> None:
        """Answer with a problem, unless another answer is half sent."""
        if self._begun:
            raise ConnectionError("the answer broke off")
        response: Response = general_problem(
            code,
            "The request could not be served; its id leads to the reason in our logs.",
            remedy="Try again in a moment.",
            request_id=self.request_id,
        )
        if code == "unavailable":
            response.headers["Retry-After"] = "2"
        await response(scope, receive, self)
