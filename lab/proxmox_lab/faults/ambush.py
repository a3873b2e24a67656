"""Faults on the way of a request: before it is carried out, and before its answer leaves."""

import re
from collections.abc import Awaitable, Callable, Mapping
from typing import Final

from aiohttp import web

from proxmox_lab.call import Lab
from proxmox_lab.certificate import Certificate
from proxmox_lab.faults.faults import Fault, Faults, Occasion, Strike
from proxmox_lab.faults.outage import Outages
from proxmox_lab.faults.refused import refused
from proxmox_lab.faults.rule import Scope
from proxmox_lab.faults.spoiled import spoiled
from proxmox_lab.faults.stranger import settle_stranger
from proxmox_lab.http.exchange import Answer
from proxmox_lab.http.incoming import Incoming

UNREACHED: Final = 3.1  # seconds until the kernel gives up on a node that is gone
_MACHINE: Final = re.compile(r"^/nodes/[^/]+/qemu/(\d+)")
Befalling = Callable[[Strike, web.Request, web.Response | None], Awaitable[web.Response | None]]


def occasion_of(request: web.Request, incoming: Incoming) -> Occasion:
    """Say what a request is about, as far as faults are concerned."""
    named = _MACHINE.match(incoming.shown_path)
    ids = [named[1] if named else "", str(incoming.parameters.get("newid", ""))]
    return Occasion(
        scope=Scope.REQUEST,
        verb=incoming.verb,
        path=request.rel_url.raw_path,
        node=incoming.path[1] if incoming.path[:1] == ("nodes",) and incoming.path[1:] else None,
        machines=tuple(int(one) for one in ids if one.isdigit()),
    )


class Ambush:
    """Lies in wait for requests."""

    def __init__(self, lab: Lab, faults: Faults, certificate: Certificate | None) -> None:
        self.outages = Outages(lab, faults)
        self._lab = lab
        self._faults = faults
        self._certificate = certificate
        self._recertified: set[str] = set()
        self._befalling: Mapping[str, Befalling] = {
            "answer": self._refuse,
            "delay": self._wait,
            "drop": self._cut,
            "garble": self._spoil,
            "squat": self._squat,
            "recertify": self._recertify,
            "down": self._take_down,
        }

    async def through(
        self, request: web.Request, incoming: Incoming, answer: Answer
    ) -> web.Response:
        """Answer a request with whatever lies in wait for it; ``answer`` does it undisturbed."""
        self.follow()
        if not self._faults.all():
            return await answer(frozenset())
        strikes = self._faults.striking(occasion_of(request, incoming))
        for strike in strikes:
            early = None if strike.rule.is_executed else await self._befall(strike, request, None)
            if early is not None:
                return early
        denied = frozenset(s.rule.privilege for s in strikes if s.rule.action == "deny")
        response = await answer(denied)
        for strike in strikes:
            if strike.rule.is_executed:
                response = await self._befall(strike, request, response) or response
        return response

    async def at_once(self, fault: Fault) -> None:
        """Let a fault strike without waiting for a request."""
        strike = fault.strike(Occasion(scope=Scope.REQUEST, node=fault.rule.node))
        if strike is not None and fault.rule.action == "recertify":
            await self._certify(strike)
        if strike is not None and fault.rule.action == "down":
            await self._darken(strike)

    def follow(self) -> None:
        """End what faults had brought about that are over or were taken away."""
        self.outages.follow()
        alive = {fault.id for fault in self._faults.all() if not fault.is_over}
        if self._certificate and self._recertified and not self._recertified & alive:
            self._recertified.clear()
            self._certificate.restore()

    async def _befall(
        self, strike: Strike, request: web.Request, answer: web.Response | None
    ) -> web.Response | None:
        befalling = self._befalling.get(strike.rule.action)
        return None if befalling is None else await befalling(strike, request, answer)

    async def _refuse(
        self, strike: Strike, _: web.Request, __: web.Response | None
    ) -> web.Response:
        await self._lab.clock.sleep(strike.rule.seconds)
        return await refused(strike, self._lab.clock)

    async def _wait(self, strike: Strike, _: web.Request, __: web.Response | None) -> None:
        await self._lab.clock.sleep(strike.rule.seconds)

    async def _cut(
        self, _: Strike, request: web.Request, answer: web.Response | None
    ) -> web.Response:
        if request.transport is not None:
            request.transport.abort()
        return answer or web.Response()

    async def _spoil(
        self, strike: Strike, _: web.Request, answer: web.Response | None
    ) -> web.Response:
        return spoiled(strike.rule.body, answer)

    async def _squat(self, strike: Strike, _: web.Request, __: web.Response | None) -> None:
        occasion = strike.occasion
        if occasion.machines:
            settle_stranger(self._lab.site, self._lab.store, occasion.machine, node=occasion.node)

    async def _recertify(self, strike: Strike, _: web.Request, __: web.Response | None) -> None:
        await self._certify(strike)

    async def _certify(self, strike: Strike) -> None:
        if self._certificate is not None and strike.fault.id not in self._recertified:
            self._recertified.add(strike.fault.id)
            await self._certificate.change(strike.rule.authority)

    async def _take_down(
        self, strike: Strike, _: web.Request, answer: web.Response | None
    ) -> web.Response | None:
        await self._lab.clock.sleep(strike.rule.seconds)
        await self._darken(strike)
        return await self._no_route() if answer is None else None

    async def _darken(self, strike: Strike) -> None:
        node = strike.rule.node or strike.occasion.node or self._lab.site.node
        await self.outages.begin(strike.fault, node)

    async def _no_route(self) -> web.Response:
        await self._lab.clock.sleep(UNREACHED)
        return web.Response(status=595, reason="No route to host")
