"""What the gateway asks the vm-service, for people who wait for the answer."""

from typing import Protocol


class Questions(Protocol):
    """The vm-service, ready to be asked."""

    async def ask(self, question: str, body: bytes, *, timeout: float) -> bytes:
        """Return the answer. ``timeout`` in seconds.

        Raises ``ServiceAway`` where nobody answers, and another ``Refused`` where it says no.
        """
        ...
