"""The methods of the Proxmox API, by topic."""
