"""``/lab/``: look into the lab, from this machine only."""

import json
from collections.abc import Awaitable, Callable
from ipaddress import ip_address
from typing import Any, Protocol, runtime_checkable

from aiohttp import web

from proxmox_lab.actions import status
from proxmox_lab.call import Lab
from proxmox_lab.faults.guests import VexedGuest
from proxmox_lab.guests.port import Guest, Reach
from proxmox_lab.machines import config
from proxmox_lab.site.things import Machine

Answer = Callable[[web.Request], Awaitable[web.StreamResponse]]


@runtime_checkable
class Inspectable(Protocol):
    """A guest whose inside can be read back."""

    def state(self) -> object: ...


@web.middleware
async def loopback_only(request: web.Request, handler: Answer) -> web.StreamResponse:
    """Refuse the panel to other machines."""
    if request.path.startswith("/lab") and not _is_local(request.remote):
        return web.json_response({"error": "the panel answers on loopback only"}, status=403)
    return await handler(request)


def _is_local(remote: str | None) -> bool:
    return remote is not None and ip_address(remote).is_loopback


class Panel:
    """The panel's handlers over one lab."""

    def __init__(self, lab: Lab) -> None:
        self._lab = lab

    def routes(self) -> list[web.RouteDef]:
        """List the routes."""
        return [
            web.get("/lab", self.about),
            web.get("/lab/vms", self.machines),
            web.get("/lab/vms/{vmid:\\d+}/endpoint", self.endpoint),
            web.get("/lab/vms/{vmid:\\d+}/guest", self.guest),
            web.get("/lab/tasks", self.tasks),
        ]

    async def about(self, _: web.Request) -> web.Response:
        """Say what this is."""
        site = self._lab.site
        shown = {
            "lab": "proxmox",
            "version": self._lab.release.version,
            "node": site.node,
            "nodes": {name: node.online for name, node in site.nodes.items()},
        }
        return web.json_response(shown | {"machines": len(site.machines)})

    async def machines(self, _: web.Request) -> web.Response:
        """List every machine, with its guest's whereabouts."""
        return web.json_response([self._shown(m) for m in self._lab.site.machines.values()])

    def _shown(self, machine: Machine) -> dict[str, Any]:
        guest = self._lab.guesthouse.find(machine.vmid)
        running = guest is not None and guest.running
        return {
            "vmid": machine.vmid, "name": machine.name, "running": running,
            "template": machine.is_template, "lock": machine.lock,
            "pool": self._lab.site.pool_of(machine.vmid), "disk": status.max_disk(machine),
            "cores": config.cpus_of(machine.config), "memory": config.memory_of(machine.config),
            "endpoint": _reach(guest.reach(), machine) if guest and running else None,
        }  # fmt: skip

    async def endpoint(self, request: web.Request) -> web.Response:
        """Tell from where a running guest is reached."""
        machine, guest = self._find(request)
        if guest is None or machine is None or not guest.running:
            return _missing("the machine is not running")
        return web.json_response(_reach(guest.reach(), machine))

    async def guest(self, request: web.Request) -> web.Response:
        """Tell the state of a guest that can tell it."""
        _, guest = self._find(request)
        guest = guest.inner if isinstance(guest, VexedGuest) else guest
        if not isinstance(guest, Inspectable):
            return _missing("this guest tells nothing of its state")
        return web.json_response(guest.state(), dumps=lambda found: json.dumps(found, default=str))

    def _find(self, request: web.Request) -> tuple[Machine | None, Guest | None]:
        vmid = int(request.match_info["vmid"])
        return self._lab.site.machines.get(vmid), self._lab.guesthouse.find(vmid)

    async def tasks(self, _: web.Request) -> web.Response:
        """List tasks with how long each took, the newest first."""
        shown = [
            {"upid": str(task.upid), "type": task.upid.type, "id": task.upid.id,
             "machine": task.machine, "running": task.is_running, "exitstatus": task.exitstatus,
             "started": task.upid.starttime, "ended": task.endtime,
             "seconds": round(task.seconds, 4)}
            for task in self._lab.tasks.newest_first()
        ]  # fmt: skip
        return web.json_response(shown)


def _missing(why: str) -> web.Response:
    return web.json_response({"error": why}, status=404)


def _reach(reach: Reach, machine: Machine) -> dict[str, Any]:
    address = config.wanted(machine).get("ipconfig0", "").partition("ip=")[2].partition("/")[0]
    return {
        "address": address or None,
        "ssh_host": reach.ssh_host,
        "ssh_port": reach.ssh_port,
        "public_host": reach.public_host,
        "ports": [
            {"name": None, "protocol": port.protocol, "guest_port": port.guest_port,
             "public_port": port.public_port}
            for port in reach.ports
        ],
    }  # fmt: skip
