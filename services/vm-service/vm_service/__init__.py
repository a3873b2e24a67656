"""vm-service: everything outside the guest. The only service that talks to Proxmox."""
