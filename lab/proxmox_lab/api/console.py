"""``…/monitor``, ``…/sendkey`` and the consoles: a machine's face."""

import re
from collections.abc import Mapping
from typing import Any, Final

from proxmox_lab.access.permission import need
from proxmox_lab.actions.change import only_root_skips
from proxmox_lab.call import Call, Handler
from proxmox_lab.refusal import Refusal
from proxmox_lab.tasks.task import Task

WAIT: Final = 10.0
_PORT: Final = 5900
_READS: Final = re.compile(r"^\s*(info(\s+|$)|help\s*$)")


async def monitor(call: Call) -> str:
    """Answer a command to QEMU's monitor; the lab knows the power's."""
    if not _READS.match(call.text("command")):
        need(call.lab.rights, call.caller, "/", "Sys.Modify")
    machine = call.lab.site.machine(call.vmid)
    if not call.lab.guesthouse.is_running(call.vmid):
        return f"ERROR: VM {call.vmid} not running\n"
    words = call.text("command").split()
    if words == ["info", "status"]:
        return f"VM status: {'paused' if machine.paused else 'running'}\r\n"
    if words == ["info", "name"]:
        return f"{machine.name}\r\n"
    return f"unknown command: '{words[0] if words else ''}'\r\n"


async def send_key(call: Call) -> None:
    """Press keys; nobody in the guest hears them."""
    only_root_skips(call)
    call.lab.site.machine(call.vmid)
    _demand_running(call)


def _demand_running(call: Call) -> None:
    if not call.lab.guesthouse.is_running(call.vmid):
        raise Refusal(f"VM {call.vmid} not running")


async def vnc(call: Call) -> dict[str, Any]:
    """Open a door for a viewer; nothing is behind it."""
    call.lab.site.machine(call.vmid)
    shown = _opened(call, "vncproxy") | {"cert": ""}
    return shown | ({"password": "lab"} if call.switch("generate-password") else {})


async def terminal(call: Call) -> dict[str, Any]:
    """Open a door for a terminal on a serial port; nothing is behind it."""
    ports = [key for key in call.lab.site.machine(call.vmid).config if key.startswith("serial")]
    wanted = call.text("serial")
    if not ports:
        raise Refusal("unable to find a serial interface")
    if wanted and wanted not in ports:
        raise Refusal(f"serial interface '{wanted}' is not configured")
    return _opened(call, "termproxy")


def _opened(call: Call, kind: str) -> dict[str, Any]:
    async def work(task: Task) -> None:
        await task.spend(WAIT)
        raise Refusal("connection timed out")

    ticket, _ = call.lab.doorkeeper.issue(call.caller.user)
    named = {"user": call.caller.id, "ticket": ticket.replace("PVE:", "PVEVNC:", 1)}
    return named | {"port": _PORT, "upid": call.start(kind, work)}


_ROOT: Final = "/nodes/{node}/qemu/{vmid}"
ROUTES: Final[Mapping[str, Handler]] = {
    f"POST {_ROOT}/monitor": monitor,
    f"PUT {_ROOT}/sendkey": send_key,
    f"POST {_ROOT}/vncproxy": vnc,
    f"POST {_ROOT}/termproxy": terminal,
}
