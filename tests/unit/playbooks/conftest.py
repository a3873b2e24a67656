"""The simulated machine that playbooks' files are tried on."""

from tests.unit.lab_guests.conftest import bench

__all__ = ["bench"]
