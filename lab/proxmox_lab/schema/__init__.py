"""What Proxmox accepts: one table of methods and parameters, and the checks over it."""
