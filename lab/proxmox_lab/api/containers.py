"""``/nodes/{node}/lxc``: there are no containers, and that is what every method says."""

from collections.abc import Mapping
from typing import Any, Final

from proxmox_lab.access.permission import need
from proxmox_lab.call import Call, Handler
from proxmox_lab.refusal import Refusal, forbidden
from proxmox_lab.tasks.task import Task


async def containers(_: Call) -> list[dict[str, Any]]:
    """List no containers."""
    return []


def _missing(call: Call) -> Refusal:
    """Say that there is no such container on this node."""
    path = f"nodes/{call.lab.site.node}/lxc/{call.vmid}.conf"
    return Refusal(f"Configuration file '{path}' does not exist")


async def refuse(call: Call) -> None:
    """Refuse what needs a container."""
    raise _missing(call)


async def start(call: Call) -> str:
    """Fail to start in the background."""

    async def work(_: Task) -> None:
        raise _missing(call)

    return call.start("vzstart", work)


async def create(call: Call) -> str:
    """Fail to make one in the background: there is no template to make it of."""
    lab, pool = call.lab, call.text("pool")
    place = f"/pool/{pool}" if pool else f"/vms/{call.vmid}"
    if not lab.rights.has(call.caller, place, "VM.Allocate"):
        raise forbidden()
    found = lab.site.cluster.get(call.vmid)
    if found is not None:
        raise Refusal(f"VM {call.vmid} already exists on node '{found.node}'")
    storage = call.text("storage", "local")
    need(lab.rights, call.caller, f"/storage/{storage}", "Datastore.AllocateSpace")
    lab.site.storage(storage)

    async def work(_: Task) -> None:
        template = call.text("ostemplate")
        raise Refusal(f"unable to create CT {call.vmid} - volume '{template}' does not exist")

    return call.start("vzcreate", work)


_ROOT: Final = "/nodes/{node}/lxc"
ROUTES: Final[Mapping[str, Handler]] = {
    f"GET {_ROOT}": containers,
    f"POST {_ROOT}": create,
    f"GET {_ROOT}/{{vmid}}/config": refuse,
    f"GET {_ROOT}/{{vmid}}/status/current": refuse,
    f"POST {_ROOT}/{{vmid}}/status/start": start,
    f"DELETE {_ROOT}/{{vmid}}": refuse,
}
