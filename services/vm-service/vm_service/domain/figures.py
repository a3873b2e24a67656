"""What a VM uses of what it was given, as the cluster and the guest tell."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """A VM that runs. ``cpu``: share of its cores, 0 to 1; memory in bytes, as its node sees it."""

    vmid: int
    node: str
    cpu: float
    memory: int
    max_memory: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """The guest's root file system, in bytes."""

    used: int
    total: int
