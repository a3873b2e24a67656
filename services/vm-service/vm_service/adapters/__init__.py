"""How the outside is reached: the database, Proxmox, the way to a guest."""
