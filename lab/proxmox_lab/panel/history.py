"""``/lab/history``: what was done to each machine."""

from aiohttp import web

from proxmox_lab.history.history import History


class HistoryPanel:
    """The panel's handlers over the history."""

    def __init__(self, history: History) -> None:
        self._history = history

    def routes(self) -> list[web.RouteDef]:
        """List the routes."""
        return [web.get("/lab/history", self.entries)]

    async def entries(self, request: web.Request) -> web.Response:
        """Tell the entries, the oldest first; ``vmid`` and ``after`` (a number) narrow them."""
        wrong = {k: "is not a whole number" for k, v in request.query.items() if not v.isdigit()}
        strange = dict.fromkeys(
            request.query.keys() - {"vmid", "after"}, "there is no such parameter"
        )
        if wrong or strange:
            fields = {**wrong, **strange}
            told = "; ".join(f"{name}: {why}" for name, why in fields.items())
            return web.json_response({"error": told, "fields": fields}, status=422)
        vmid = request.query.get("vmid")
        after = int(request.query.get("after", "0"))
        found = self._history.entries(None if vmid is None else int(vmid), after=after)
        return web.json_response([entry.model_dump() for entry in found])
