"""``/lab/faults`` and ``/lab/clock``: making trouble, and making time pass."""

import json
from typing import Any, Final, cast

from aiohttp import web

from proxmox_lab.call import Lab
from proxmox_lab.faults.ambush import Ambush
from proxmox_lab.faults.faults import Fault, Faults
from proxmox_lab.faults.presets import PRESETS
from proxmox_lab.faults.reading import RuleRefused, read_rule
from proxmox_lab.faults.rule import taken_by

_TRIGGERS: Final = frozenset({"method", "path", "after", "probability"})


class FaultPanel:
    """The panel's handlers over the faults of one lab."""

    def __init__(self, lab: Lab, faults: Faults, ambush: Ambush) -> None:
        self._lab = lab
        self._faults = faults
        self._ambush = ambush

    def routes(self) -> list[web.RouteDef]:
        """List the routes."""
        return [
            web.get("/lab/faults", self.faults),
            web.post("/lab/faults", self.add),
            web.delete("/lab/faults", self.remove),
            web.delete("/lab/faults/{id}", self.remove),
            web.get("/lab/presets", self.presets),
            web.get("/lab/clock", self.clock),
            web.post("/lab/clock", self.set_clock),
        ]

    async def faults(self, _: web.Request) -> web.Response:
        """List the faults with how often each struck."""
        self._ambush.follow()
        return web.json_response([_shown(fault) for fault in self._faults.all()])

    async def presets(self, _: web.Request) -> web.Response:
        """List the faults that have a name."""
        shown = {name: {"note": one.note, **one.rule} for name, one in PRESETS.items()}
        return web.json_response(shown)

    async def add(self, request: web.Request) -> web.Response:
        """Put a fault to work; one of the kind that waits for nothing happens at once."""
        try:
            rule = read_rule(await _fields(request))
        except RuleRefused as refused:
            return _refused(refused)
        fault = self._faults.add(rule)
        if rule.action in ("down", "recertify") and not rule.model_fields_set & _TRIGGERS:
            await self._ambush.at_once(fault)
        return web.json_response(_shown(fault), status=201)

    async def remove(self, request: web.Request) -> web.Response:
        """Take one fault away, or all; what they had brought about ends."""
        chosen = request.match_info.get("id")
        if not self._faults.remove(chosen) and chosen is not None:
            why = f"there is no fault {chosen!r}; GET /lab/faults lists them"
            return web.json_response({"error": why}, status=404)
        self._ambush.follow()
        return web.Response(status=204)

    async def clock(self, _: web.Request) -> web.Response:
        """Tell how fast the lab's time passes."""
        clock = self._lab.clock
        return web.json_response({"speed": clock.speed, "lived": round(clock.lived(), 3)})

    async def set_clock(self, request: web.Request) -> web.Response:
        """Change how fast it passes; waits that are going on follow."""
        try:
            self._lab.clock.run_at(_speed(await _fields(request)))
        except RuleRefused as refused:
            return _refused(refused)
        return await self.clock(request)


async def _fields(request: web.Request) -> dict[str, Any]:
    try:
        found = json.loads(await request.read())
    except ValueError as broken:
        raise RuleRefused({"body": f"is not JSON: {broken}"}) from broken
    if not isinstance(found, dict):
        raise RuleRefused({"body": "is not an object"})
    return cast("dict[str, Any]", found)


def _speed(given: dict[str, Any]) -> float:
    speed = given.get("speed")
    if not isinstance(speed, int | float) or isinstance(speed, bool) or speed <= 0:
        raise RuleRefused({"speed": "must be a number greater than 0"})
    return float(speed)


def _refused(refused: RuleRefused) -> web.Response:
    return web.json_response({"error": str(refused), "fields": refused.fields}, status=422)


def _shown(fault: Fault) -> dict[str, Any]:
    kept = taken_by(fault.rule.action)
    shown = {k: v for k, v in fault.rule.model_dump(mode="json").items() if k in kept}
    return {"id": fault.id, "hits": fault.hits, "seen": fault.seen, "over": fault.is_over, **shown}
