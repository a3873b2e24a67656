"""``/nodes/{node}/lxc``: there are no containers, and that is what every method says."""

from collections.abc import Mapping
from functools import partial
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


async def change(call: Call) -> None:
    """Refuse to change nothing, and then what is not there."""
    if not call.parameters.keys() - {"node", "vmid", "digest"}:
        raise Refusal("no options specified")
    raise _missing(call)


async def power(call: Call) -> None:
    """Refuse to stop what does not run; nobody looks whether it exists."""
    raise Refusal(f"CT {call.vmid} not running")


async def reboot(call: Call) -> None:
    """Refuse to reboot what does not run, which is called a machine here."""
    raise Refusal(f"VM {call.vmid} not running")


def in_background(kind: str) -> Handler:
    """Return what starts a task that finds no container."""

    async def work(call: Call) -> str:
        return call.start(kind, partial(_fail, call))

    return work


async def _fail(call: Call, _: Task) -> None:
    raise _missing(call)


async def snapshot(call: Call) -> str:
    """Fail to take a snapshot in the background, under a name that might be one."""
    name = call.text("snapname")
    if name in _RESERVED:
        raise Refusal(f"unable to use snapshot name '{name}' (reserved name)")
    return call.start("vzsnapshot", partial(_fail, call))


async def index(_: Call) -> list[dict[str, str]]:
    """Name what lies below a container; it need not exist."""
    return [{"subdir": name} for name in _SUBDIRS]


async def verbs(_: Call) -> list[dict[str, str]]:
    """Name the power verbs."""
    return [{"subdir": name} for name in _VERBS]


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


_RESERVED: Final = ("current", "vzdump")
_SUBDIRS: Final = (
    "config", "pending", "status", "vncproxy", "termproxy", "vncwebsocket", "spiceproxy",
    "migrate", "clone", "rrd", "rrddata", "firewall", "snapshot", "resize", "interfaces",
)  # fmt: skip
_VERBS: Final = ("current", "start", "stop", "shutdown", "migrate")
_ROOT: Final = "/nodes/{node}/lxc"
_ONE: Final = f"{_ROOT}/{{vmid}}"
_READ: Final = (
    "config", "pending", "status/current", "feature", "snapshot", "snapshot/{snapname}/config",
)  # fmt: skip
ROUTES: Final[Mapping[str, Handler]] = {
    f"GET {_ROOT}": containers,
    f"POST {_ROOT}": create,
    f"GET {_ONE}": index,
    f"GET {_ONE}/status": verbs,
    **{f"GET {_ONE}/{name}": refuse for name in _READ},
    f"PUT {_ONE}/config": change,
    f"PUT {_ONE}/resize": refuse,
    f"PUT {_ONE}/snapshot/{{snapname}}/config": refuse,
    f"POST {_ONE}/snapshot": snapshot,
    f"DELETE {_ONE}/snapshot/{{snapname}}": in_background("vzdelsnapshot"),
    f"POST {_ONE}/snapshot/{{snapname}}/rollback": in_background("vzrollback"),
    f"POST {_ONE}/status/start": in_background("vzstart"),
    **{f"POST {_ONE}/status/{name}": power for name in ("stop", "shutdown", "suspend")},
    f"POST {_ONE}/status/reboot": reboot,
    f"DELETE {_ONE}": refuse,
}
