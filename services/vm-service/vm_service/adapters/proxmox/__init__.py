"""Proxmox VE behind the ``Hypervisor`` port. The only proxmoxer."""
