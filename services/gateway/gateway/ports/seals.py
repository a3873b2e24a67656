"""What keeps secrets from everybody between the gateway and the guest."""

from typing import Protocol


class Seals(Protocol):
    """The installation's seals; the provisioner has the same and opens what we seal."""

    def seal(self, data: bytes, *, server_id: str, pointer: str) -> str:
        """Return an envelope that opens at this server's field only; never twice the same."""
        ...

    def fingerprint(self, data: bytes) -> str:
        """Return what tells equal data from other, and nothing else of it."""
        ...
