"""One request through Proxmox's stations: identity, method, right, node, parameters, answer."""

import logging
import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from functools import partial
from http import HTTPStatus
from typing import Any, Final

from aiohttp import web

from proxmox_lab.access.permission import require
from proxmox_lab.call import Call, Handler, Lab
from proxmox_lab.doing import at_work
from proxmox_lab.http.incoming import Incoming, read
from proxmox_lab.http.outgoing import as_page, failure, success
from proxmox_lab.refusal import PlainRefusal, Refusal, forbidden, invalid
from proxmox_lab.schema.table import Method
from proxmox_lab.schema.verify import verify
from proxmox_lab.site.rights import Caller

log = logging.getLogger(__name__)
AUTH_DELAY: Final = 3.0
UNREACHED: Final = 3.1  # until nobody is known to be there
_FORMATTERS: Final = ("json", "extjs", "html")
_HOST_NAME: Final = re.compile(r"[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?")
_NOT_NOW: Final = "Temporary failure in name resolution"  # there is no resolver to ask
_DUPLICATE: Final = "duplicate parameter (already defined in URI) with conflicting values!"

Answer = Callable[[frozenset[str]], Awaitable[web.Response]]  # given the privileges taken away
Way = Callable[[web.Request, Incoming, Answer], Awaitable[web.Response]]


class Exchange:
    """Answers everything below ``/api2``."""

    def __init__(self, lab: Lab, routes: Mapping[str, Handler], through: Way) -> None:
        self._lab = lab
        self._routes = routes
        self._through = through

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """Answer one request, with whatever the fault panel has in mind for it."""
        _, _, formatter, *rest = f"{request.rel_url.raw_path}//".split("/", 3)
        answer = await self._spoken(request, formatter, "/".join(rest))
        return as_page(answer) if formatter == "html" else answer

    async def _spoken(self, request: web.Request, formatter: str, below: str) -> web.Response:
        extjs = formatter == "extjs"
        try:
            _refuse_formatter(formatter, below)
            incoming = await read(request, below, modern=self._lab.release.is_modern)
        except Refusal as refusal:
            return await self._refused(refusal, extjs=extjs)
        answer = partial(self._answer, request, incoming, extjs=extjs)
        return await self._through(request, incoming, answer)

    async def _refused(self, refusal: Refusal, *, extjs: bool) -> web.Response:
        if refusal.status == HTTPStatus.UNAUTHORIZED:
            await self._lab.clock.sleep(AUTH_DELAY)
        response = failure(refusal, extjs=extjs)
        response.force_close()
        return response

    async def _answer(
        self, request: web.Request, incoming: Incoming, denied: frozenset[str], *, extjs: bool
    ) -> web.Response:
        try:
            result = await self._run(request, incoming, denied)
        except Refusal as refusal:
            return await self._refused(refusal, extjs=extjs)
        except Exception:
            log.exception("method failed", extra={"path": request.path})
            return failure(Refusal("internal error of the lab"), extjs=extjs)
        return success(result, extjs=extjs)

    async def _run(
        self, request: web.Request, incoming: Incoming, denied: frozenset[str]
    ) -> object:
        found = self._lab.table.find(incoming.verb, incoming.path)
        world = found is not None and found[0].permissions.get("user") == "world"
        anonymous = world and "Authorization" not in request.headers
        caller = Caller("") if anonymous else self._lab.doorkeeper.identify(request)
        if found is None or found[0].name not in self._routes:
            text = f"Method '{incoming.verb} {incoming.shown_path}' not implemented"
            raise Refusal(text, status=501)
        at_work(caller.id)
        caller = replace(caller, without=denied) if denied else caller
        method, said = found
        if caller.token and not method.takes_token:
            text = (
                f"URI '{incoming.shown_path}' not available with API token, need proper ticket.\n"
            )
            raise forbidden(text)
        given = _merged(incoming, said)
        require(method, caller, given, self._lab.rights)
        lab = await self._reached(method, said)
        parameters = verify(method, given, lab.table)
        call = Call(lab=lab, caller=caller, parameters=parameters, uploaded=incoming.uploaded)
        return await self._routes[method.name](call)

    async def _reached(self, method: Method, said: Mapping[str, str]) -> Lab:
        """Return the lab as the path's node sees it; a node that is down is not reached."""
        node = said.get("node")
        if node is None:
            return self._lab
        if node == "localhost":
            return self._lab.on(self._lab.site.node)
        found = self._lab.site.nodes.get(node)
        if found is None and method.on_node:
            text = _NOT_NOW if _HOST_NAME.fullmatch(node) else "Name or service not known"
            why = f"failed to get address info for: {node}: {text}"
            raise Refusal(f"hostname lookup '{node}' failed - {why}")
        if found is not None and method.on_node and not found.online:
            await self._lab.clock.sleep(UNREACHED)
            raise PlainRefusal("No route to host", status=595)
        return self._lab.on(node)


def _refuse_formatter(formatter: str, below: str) -> None:
    if formatter not in _FORMATTERS:
        uri = f"/{below.strip('/')}"
        raise PlainRefusal(f"no formatter for uri {uri}, {formatter}", status=501)


def _merged(incoming: Incoming, said: Mapping[str, str]) -> dict[str, Any]:
    conflicts = {
        name: _DUPLICATE
        for name, value in said.items()
        if name in incoming.parameters and str(incoming.parameters[name]) != value
    }
    if conflicts:
        raise invalid(conflicts)
    return incoming.parameters | dict(said)
