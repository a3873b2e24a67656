"""``/pools``: machines that belong together, for the sake of rights."""

from collections.abc import Mapping
from typing import Any, Final

from proxmox_lab.actions import status
from proxmox_lab.call import Call, Handler
from proxmox_lab.refusal import Refusal
from proxmox_lab.site.things import Pool


async def pools(call: Call) -> list[dict[str, Any]]:
    """List the pools the caller may see."""
    return [
        {"poolid": name, **({"comment": pool.comment} if pool.comment else {})}
        for name, pool in call.lab.site.rules.pools.items()
        if call.lab.rights.has(call.caller, f"/pool/{name}", "Pool.Audit")
    ]


async def pool(call: Call) -> dict[str, Any]:
    """Tell a pool with its members."""
    found = _pool(call)
    site = call.lab.site
    members = [
        status.resource(call.lab, site.machines[v]) for v in found.machines if v in site.machines
    ]
    for member in members:
        member.pop("pool", None)
    shown: dict[str, Any] = {"poolid": call.text("poolid"), "members": members}
    return shown | ({"comment": found.comment} if found.comment else {})


def _pool(call: Call) -> Pool:
    name = call.text("poolid")
    found = call.lab.site.rules.pools.get(name)
    if found is None:
        raise Refusal(f"pool '{name}' does not exist")
    return found


async def create_pool(call: Call) -> None:
    """Make an empty pool."""
    name = call.text("poolid")
    if name in call.lab.site.rules.pools:
        raise Refusal(f"create pool failed: pool '{name}' already exists")
    call.lab.site.rules.pools[name] = Pool(comment=call.text("comment"))
    call.lab.store.save_rules(call.lab.site)


async def change_pool(call: Call) -> None:
    """Add machines to a pool, or take them out; unknown ids are taken silently."""
    found = _pool(call)
    named = [int(text) for text in call.text("vms").split(",") if text]
    kept = [vmid for vmid in found.machines if vmid not in named]
    found.machines = kept if call.switch("delete") else kept + named
    call.lab.store.save_rules(call.lab.site)


async def delete_pool(call: Call) -> None:
    """Remove an empty pool."""
    found, name = _pool(call), call.text("poolid")
    if found.machines:
        inside = f"contains VM {found.machines[0]}"
        raise Refusal(f"delete pool failed: pool '{name}' is not empty ({inside})")
    del call.lab.site.rules.pools[name]
    call.lab.store.save_rules(call.lab.site)


ROUTES: Final[Mapping[str, Handler]] = {
    "GET /pools": pools,
    "GET /pools/{poolid}": pool,
    "POST /pools": create_pool,
    "PUT /pools": change_pool,
    "PUT /pools/{poolid}": change_pool,
    "DELETE /pools/{poolid}": delete_pool,
}
