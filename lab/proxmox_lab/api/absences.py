"""What a small site has none of, and the indexes above it: high availability, mappings, jobs."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from proxmox_lab.access.permission import user_exists
from proxmox_lab.api.people import REALMS
from proxmox_lab.call import Call, Handler
from proxmox_lab.refusal import Refusal

_LISTS: Final = (
    "/access/tfa", "/cluster/acme/account", "/cluster/ha/rules", "/cluster/jobs/realm-sync",
    "/cluster/mapping/dir", "/cluster/metrics/server", "/cluster/sdn/controllers",
    "/cluster/sdn/dns",
)  # fmt: skip
# What a caller is told is missing, by the path of what they asked for.
_MISSING: Final[Mapping[str, str]] = {
    "/cluster/mapping/dir/{id}": "mapping '{id}' not found",
    "/cluster/mapping/pci/{id}": "mapping '{id}' not found",
    "/cluster/mapping/usb/{id}": "mapping '{id}' not found",
    "/cluster/metrics/server/{id}": "status server entry '{id}' does not exist",
    "/cluster/ha/rules/{rule}": "no such ha rule '{rule}'",
}
_INDEXES: Final[Mapping[str, tuple[str, Sequence[str]]]] = {
    "/access/openid": ("subdir", ("auth-url", "login")),
    "/cluster/acme": (
        "name",
        ("account", "tos", "meta", "directories", "plugins", "challenge-schema"),
    ),
    "/cluster/backup-info": ("subdir", ("not-backed-up",)),
    "/cluster/bulk-action": ("name", ("guest",)),
    "/cluster/config": ("name", ("nodes", "totem", "join", "qdevice", "apiversion")),
    "/cluster/jobs": ("subdir", ("schedule-analyze", "realm-sync")),
    "/cluster/mapping": ("name", ("dir", "pci", "usb")),
    "/cluster/metrics": ("name", ("server", "export")),
    "/cluster/sdn": ("id", ("vnets", "zones", "controllers", "ipams", "dns")),
    "/nodes/{node}/apt": ("id", ("changelog", "repositories", "update", "versions")),
    "/nodes/{node}/certificates": ("name", ("acme", "custom", "info")),
    "/nodes/{node}/disks": (
        "name",
        ("list", "initgpt", "smart", "lvm", "lvmthin", "directory", "wipedisk", "zfs"),
    ),
    "/nodes/{node}/hardware": ("type", ("pci", "usb")),
    "/nodes/{node}/scan": (
        "method",
        ("cifs", "iscsi", "lvm", "lvmthin", "nfs", "pbs", "zfs"),
    ),
}


async def nothing(_: Call) -> list[Any]:
    """List what is not there."""
    return []


def _missing(text: str) -> Handler:
    async def refuse(call: Call) -> None:
        raise Refusal(text.format(**call.parameters))

    return refuse


def _index(key: str, names: Sequence[str]) -> Handler:
    async def index(_: Call) -> list[dict[str, str]]:
        return [{key: name} for name in names]

    return index


async def availability(call: Call) -> list[dict[str, str]]:
    """Name what there is to high availability."""
    rules = ("rules",) if call.lab.release.is_modern else ()
    return [{"id": name} for name in ("status", "resources", "groups", *rules)]


async def groups(call: Call) -> list[Any]:
    """List no groups of nodes; releases since 9 know rules in their place."""
    if call.lab.release.is_modern:
        raise Refusal("cannot index groups: ha groups have been migrated to rules")
    return []


async def resource(call: Call) -> None:
    """Refuse to tell of a machine that nobody watches over."""
    name = call.text("sid")
    if name.isdigit() and int(name) not in call.lab.site.cluster:
        raise Refusal(f"unable do add resource - VM/CT {name} does not exist")
    raise Refusal(f"no such resource '{f'vm:{name}' if name.isdigit() else name}'")


async def factors(call: Call) -> list[Any]:
    """List no second factors of somebody."""
    user_exists(call.lab.site.rules, call.text("userid"))
    return []


async def factor_kinds(call: Call) -> dict[str, Any]:
    """Tell that neither somebody nor their realm asks for a second factor."""
    realm = call.text("userid").rpartition("@")[2]
    if realm not in REALMS:
        raise Refusal(f"auth domain '{realm}' does not exist")
    return {"user": []} if call.switch("multiple") else {}


async def membership(_: Call) -> dict[str, Any]:
    """Tell how members would talk to each other, of which there are none."""
    return {}


async def join_version(_: Call) -> int:
    """Tell which way of joining is spoken."""
    return 1


ROUTES: Final[Mapping[str, Handler]] = {
    **{f"GET {path}": nothing for path in _LISTS},
    **{f"GET {path}": _missing(text) for path, text in _MISSING.items()},
    **{f"GET {path}": _index(*shown) for path, shown in _INDEXES.items()},
    "GET /access/tfa/{userid}": factors,
    "GET /access/users/{userid}/tfa": factor_kinds,
    "GET /cluster/config/apiversion": join_version,
    "GET /cluster/config/totem": membership,
    "GET /cluster/ha": availability,
    "GET /cluster/ha/groups": groups,
    "GET /cluster/ha/resources/{sid}": resource,
}
