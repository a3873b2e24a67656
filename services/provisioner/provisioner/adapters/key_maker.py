"""Makes the keys that open guests; the private half leaves here sealed."""

from dataclasses import dataclass

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)

from common.security.sealing import Sealing
from provisioner.domain.server_key import PLACE, ServerKey


@dataclass(frozen=True, slots=True)
class KeyMaker:
    """Makes Ed25519 pairs."""

    sealing: Sealing

    def __call__(self, server_id: str) -> ServerKey:
        """Return a new pair for this server."""
        pair = Ed25519PrivateKey.generate()
        private = pair.private_bytes(Encoding.PEM, PrivateFormat.OpenSSH, NoEncryption())
        public = pair.public_key().public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH)
        return ServerKey(
            server_id=server_id,
            public=f"{public.decode()} spawnyard-{server_id}",
            private=self.sealing.seal(private, server_id=server_id, pointer=PLACE),
        )
