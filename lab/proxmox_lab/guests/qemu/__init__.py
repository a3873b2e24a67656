"""Real guests: Debian virtual machines under QEMU."""

from proxmox_lab.guests.qemu.guests import QemuGuests, open_guests

__all__ = ["QemuGuests", "open_guests"]
