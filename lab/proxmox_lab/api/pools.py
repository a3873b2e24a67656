"""``/pools``: machines and storages that belong together, for the sake of rights."""

import re
from collections.abc import Mapping
from typing import Any, Final

from proxmox_lab.access.permission import need, need_any
from proxmox_lab.actions import status
from proxmox_lab.call import Call, Handler
from proxmox_lab.refusal import Refusal
from proxmox_lab.site.things import Pool

_CHANGING: Final = "update pools failed"


async def pools(call: Call) -> list[dict[str, Any]]:
    """List the pools the caller may see, or one of them with its members."""
    if call.text("poolid"):
        need(call.lab.rights, call.caller, f"/pool/{call.text('poolid')}", "Pool.Audit")
        return [await pool(call)]
    return [
        {"poolid": name, **_comment(pool)}
        for name, pool in call.lab.site.rules.pools.items()
        if call.lab.rights.has(call.caller, f"/pool/{name}", "Pool.Audit")
    ]


async def pool(call: Call) -> dict[str, Any]:
    """Tell a pool with its members."""
    found = _pool(call, failing="")
    shown: dict[str, Any] = {"poolid": call.text("poolid"), "members": _members(call, found)}
    return shown | _comment(found)


def _members(call: Call, found: Pool) -> list[dict[str, Any]]:
    site, wanted = call.lab.site, call.text("type")
    machines = [site.cluster[vmid] for vmid in sorted(found.machines) if vmid in site.cluster]
    shown = [status.resource(call.lab, machine) for machine in machines]
    for member in shown:
        member.pop("pool", None)
    stores = [
        status.storage_resource(call.lab, node, name)
        for name in found.storages
        for node in site.nodes
        if name in site.storages and site.storages[name].is_on(node)
    ]
    return [member for member in (*shown, *stores) if wanted in ("", member["type"])]


def _comment(pool: Pool) -> dict[str, str]:
    return {"comment": pool.comment} if pool.comment else {}


def _pool(call: Call, *, failing: str) -> Pool:
    found = call.lab.site.rules.pools.get(call.text("poolid"))
    if found is None:
        raise Refusal(f"{failing}pool '{call.text('poolid')}' does not exist")
    return found


async def create_pool(call: Call) -> None:
    """Make an empty pool; one inside another needs that to be there."""
    name, known = call.text("poolid"), call.lab.site.rules.pools
    parent = name.rpartition("/")[0]
    if name in known:
        raise Refusal(f"create pool failed: pool '{name}' already exists")
    if parent and parent not in known:
        raise Refusal(f"create pool failed: parent '{parent}' of pool '{name}' does not exist")
    known[name] = Pool(comment=call.text("comment"))
    call.lab.store.save_rules(call.lab.site)


async def change_pool(call: Call) -> None:
    """Add machines and storages to a pool, or take them out; whether they exist is not asked."""
    found = _pool(call, failing=f"{_CHANGING}: ")
    machines = [int(text) for text in _items(call.text("vms"))]
    storages = _items(call.text("storage"))
    for vmid in machines:
        need_any(call.lab.rights, call.caller, f"/vms/{vmid}", "Permissions.Modify", "VM.Allocate")
    for name in storages:
        wanted = ("Permissions.Modify", "Datastore.Allocate")
        need_any(call.lab.rights, call.caller, f"/storage/{name}", *wanted)
    change = _take_out if call.switch("delete") else _put_in
    change(call, found, machines, storages)
    if "comment" in call.parameters:
        found.comment = call.text("comment")
    call.lab.store.save_rules(call.lab.site)


def _items(text: str) -> list[str]:
    return [item for item in re.split(r"[,;\s]+", text) if item]


def _take_out(_: Call, found: Pool, machines: list[int], storages: list[str]) -> None:
    for vmid in machines:
        if vmid not in found.machines:
            raise Refusal(f"{_CHANGING}: VM {vmid} is not a pool member")
    for name in storages:
        if name not in found.storages:
            raise Refusal(f"{_CHANGING}: Storage '{name}' is not a pool member")
    found.machines -= set(machines)
    found.storages = [name for name in found.storages if name not in storages]


def _put_in(call: Call, found: Pool, machines: list[int], storages: list[str]) -> None:
    for vmid in machines:
        if vmid in found.machines:
            raise Refusal(f"{_CHANGING}: VM {vmid} is already a pool member")
        _leave_other(call, vmid)
    for name in storages:
        if name in found.storages:
            raise Refusal(f"{_CHANGING}: Storage '{name}' is already a pool member")
    found.machines |= set(machines)
    found.storages += storages


def _leave_other(call: Call, vmid: int) -> None:
    other = call.lab.site.pool_of(vmid)
    if other is None:
        return
    if not call.switch("allow-move"):
        why = f"VM {vmid} belongs already to pool '{other}' and 'allow-move' is not set"
        raise Refusal(f"{_CHANGING}: {why}")
    need(call.lab.rights, call.caller, f"/pool/{other}", "Pool.Allocate")
    call.lab.site.rules.pools[other].machines.remove(vmid)


async def delete_pool(call: Call) -> None:
    """Remove an empty pool."""
    found, name = _pool(call, failing="delete pool failed: "), call.text("poolid")
    inside = [
        *(f"contains VM {v}" for v in sorted(found.machines) if v in call.lab.site.cluster),
        *(f"contains storage '{s}'" for s in found.storages if s in call.lab.site.storages),
        *(f"contains pool {n}" for n in call.lab.site.rules.pools if n.startswith(f"{name}/")),
    ]
    if inside:
        raise Refusal(f"delete pool failed: pool '{name}' is not empty ({inside[0]})")
    del call.lab.site.rules.pools[name]
    call.lab.store.save_rules(call.lab.site)


ROUTES: Final[Mapping[str, Handler]] = {
    "GET /pools": pools,
    "POST /pools": create_pool,
    "PUT /pools": change_pool,
    "DELETE /pools": delete_pool,
    "GET /pools/{poolid}": pool,
    "PUT /pools/{poolid}": change_pool,
    "DELETE /pools/{poolid}": delete_pool,
}
