"""What happened between the records without being recorded, by the note before which it shows."""

from collections.abc import Callable, Mapping
from typing import Final

from proxmox_lab.site.things import Machine, Snapshot

Machines = dict[int, Machine]
Interlude = Callable[[Machines], None]
_OLD, _NEW = "8.4", "9.2"


def _forget_230(machines: Machines) -> None:
    machines.pop(230, None)


def _lock(name: str | None) -> Interlude:
    def change(machines: Machines) -> None:
        machines[201].config.pop("lock", None)
        machines[201].config |= {"lock": name} if name else {}

    return change


def _forget_live(machines: Machines) -> None:
    """A QEMU without Proxmox's patches cannot snapshot alive: 8.4 cleans up after itself."""
    machine = machines[201]
    for name in ("live", "ram"):
        machine.snapshots.pop(name, None)
    machine.config["parent"] = "s1"


def _leave_live_half_made(machines: Machines) -> None:
    """9.2 stops in the middle of it, with the lock in place."""
    _forget_live(machines)
    live = Snapshot(config={}, snaptime=0, parent="s1", state="prepare")
    machines[201].snapshots["live"] = live
    machines[201].config["lock"] = "snapshot"


def _no_parent(machines: Machines) -> None:
    """The recorder removed the rest by hand."""
    machines[201].snapshots.clear()
    machines[201].config.pop("parent", None)
    machines[201].config.pop("lock", None)


INTERLUDES: Final[Mapping[tuple[str, str], tuple[tuple[str, Interlude], ...]]] = {
    ("main", "clone of a non-template without full"): ((_OLD, _forget_230), (_NEW, _forget_230)),
    ("main", "start while locked"): ((_OLD, _lock("backup")), (_NEW, _lock("backup"))),
    ("main", "start with skiplock as root token"): ((_OLD, _lock(None)), (_NEW, _lock(None))),
    ("main", "live snapshot with RAM (needs pve-qemu)"): ((_NEW, _leave_live_half_made),),
    ("main", "list after live"): ((_OLD, _forget_live), (_NEW, _lock(None))),
    ("main", "create VM"): ((_NEW, _no_parent),),
}
# Seconds of the recorded site that something unrecorded took.
PAUSES: Final[Mapping[tuple[str, str], tuple[tuple[str, float], ...]]] = {
    ("guest", "shutdown with agent"): ((_OLD, 4.0), (_NEW, 4.0)),  # the reboot before it
    # asking for the tasks' ends took its time, while the slow clone went on
    ("extra", "delete of a VM being cloned"): ((_OLD, 6.0),),
    ("extra", "config put on the template while it is cloned"): ((_NEW, 6.0),),
}
