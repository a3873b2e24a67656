"""Opens what the gateway has sealed, or says to a person why it does not open."""

from dataclasses import dataclass

from common.security.sealing import CannotOpen, Sealing
from provisioner.domain.errors import StepFailed


@dataclass(frozen=True, slots=True)
class SealedSettings:
    """The installation's seals, from their opening side."""

    sealing: Sealing

    def open(self, envelope: str, *, server_id: str, pointer: str) -> bytes:
        """Return what was sealed for this server's setting. Raises ``StepFailed``."""
        try:
            return self.sealing.open(envelope, server_id=server_id, pointer=pointer)
        except CannotOpen as error:
            raise StepFailed(
                f"the sealed setting {pointer} does not open: {error}",
                remedy="Give gateway and provisioner the same sealing key file, with every key "
                "still in use (SPAWNYARD_SEALING_KEY_FILE); restart both and deploy again.",
            ) from None
