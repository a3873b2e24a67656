"""The embedded stack: all services on this machine, as supervised processes."""
