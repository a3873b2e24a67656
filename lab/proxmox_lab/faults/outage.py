"""Nodes that are down: nobody reaches them, and without power nothing goes on there."""

from proxmox_lab.actions.power import settle
from proxmox_lab.call import Lab
from proxmox_lab.doing import LAB, as_somebody
from proxmox_lab.faults.faults import Fault, Faults


class Outages:
    """Follows the faults of the kind ``down`` from their strike to their end."""

    def __init__(self, lab: Lab, faults: Faults) -> None:
        self._lab = lab
        self._faults = faults
        self._down: dict[str, str] = {}  # fault to node

    async def begin(self, fault: Fault, node: str) -> None:
        """Take a node down; one that is down already stays so."""
        if fault.id in self._down or node not in self._lab.site.nodes:
            return
        self._down[fault.id] = node
        self._switch(node, online=False)
        if fault.rule.power:
            with as_somebody(LAB):
                await self._cut_power(node)

    async def _cut_power(self, node: str) -> None:
        lab = self._lab.on(node)
        for task in [t for t in lab.tasks.newest_first() if t.is_running and t.upid.node == node]:
            await lab.tasks.kill(task)
        for machine in list(lab.site.machines.values()):
            guest = lab.guesthouse.find(machine.vmid)
            if guest is not None and guest.running:
                await guest.stop()
            settle(lab, machine)

    def follow(self) -> None:
        """Bring nodes back whose fault is over or was taken away; their machines stay off."""
        alive = {fault.id for fault in self._faults.all() if not fault.is_over}
        for fault, node in [entry for entry in self._down.items() if entry[0] not in alive]:
            del self._down[fault]
            if node not in self._down.values():
                self._switch(node, online=True)

    def _switch(self, node: str, *, online: bool) -> None:
        self._lab.site.nodes[node].online = online
