"""What a machine is and how it lives; knows no Proxmox, no database, no bus."""
