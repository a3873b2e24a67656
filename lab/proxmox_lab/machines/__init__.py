"""What happens to virtual machines."""
