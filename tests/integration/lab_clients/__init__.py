"""Clients that know nothing of Spawnyard, led through a machine's life at the lab."""
