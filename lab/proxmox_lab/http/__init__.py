"""Proxmox's way of speaking HTTP."""
