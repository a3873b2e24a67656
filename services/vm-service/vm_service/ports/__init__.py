"""What the handlers need of the outside, in their own words."""

from vm_service.ports.hypervisor import AddressProbe, Hypervisor, Instruments, Reach, ServerKeys
from vm_service.ports.memory import Inbox, Ledger, Machines, Outbox, UnitOfWork, Work

__all__ = [
    "AddressProbe",
    "Hypervisor",
    "Inbox",
    "Instruments",
    "Ledger",
    "Machines",
    "Outbox",
    "Reach",
    "ServerKeys",
    "UnitOfWork",
    "Work",
]
