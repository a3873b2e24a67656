"""Opening a site: the one on disk, or a fresh one with its token written down beside it."""

import json
import shutil
from pathlib import Path
from typing import Final

from proxmox_lab.clock import Clock
from proxmox_lab.site.journal import write_whole
from proxmox_lab.site.nodes import named_nodes
from proxmox_lab.site.seed import fresh_site
from proxmox_lab.site.site import Site
from proxmox_lab.site.store import Store

TOKEN_FILE: Final = "token.json"  # noqa: S105 (a file's name)


def ensure_site(store: Store, clock: Clock, *, major: int, nodes: int = 1) -> Site:
    """Read the site, or lay out a fresh one and write its token down."""
    if store.is_empty:
        site, credentials = fresh_site(major=major, now=int(clock.now()), nodes=nodes)
        shown = {"token_id": credentials.token_id, "secret": credentials.secret}
        write_whole(store.directory / TOKEN_FILE, json.dumps(shown, indent=1) + "\n")
        store.save_all(site)
    site = store.load()
    if len(site.nodes) < nodes:
        site.rules.nodes = named_nodes(nodes) | site.nodes
        store.save_rules(site)
    return site


def drop_half_made(site: Site, store: Store, guests: Path) -> None:
    """Take clones back that were cut off by the lab's end, as aborted ones are."""
    for machine in [m for m in site.machines.values() if m.lock == "clone" and not m.abandoned]:
        del site.machines[machine.vmid]
        store.forget_machine(machine.vmid)
        shutil.rmtree(guests / str(machine.vmid), ignore_errors=True)
    for pool in site.rules.pools.values():
        pool.machines &= site.cluster.keys()
