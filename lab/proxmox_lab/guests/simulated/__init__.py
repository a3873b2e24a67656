"""Simulated guests: a model of a Debian machine behind a real SSH server."""

from proxmox_lab.guests.simulated.guest import SimulatedGuest
from proxmox_lab.guests.simulated.guests import SimulatedGuests

__all__ = ["SimulatedGuest", "SimulatedGuests"]
