"""A disk with power on it: the machine, its services' jobs, its package manager."""
