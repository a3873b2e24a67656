"""Trouble on demand: rules that make the lab misbehave, as often as they are told."""

from proxmox_lab.faults.faults import Fault, Faults
from proxmox_lab.faults.rule import FaultRule

__all__ = ["Fault", "FaultRule", "Faults"]
