"""What other services may ask this one."""
