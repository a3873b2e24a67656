"""Guests behind one port: simulated ones, and real ones under QEMU."""
