"""A Proxmox-VE-compatible laboratory: the API, its tasks and locks, and guests that run."""
