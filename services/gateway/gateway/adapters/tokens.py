"""Access tokens, log tickets and refresh tokens, made with the gateway's one key."""

import base64
import hashlib
import hmac
import os
import secrets
from pathlib import Path

from common.security.keys import new_private_pem
from common.security.tokens import ACCESS, LOG_TICKET, TokenIssuer
from gateway.domain.user import ACCESS_LIFE, TICKET_LIFE, Session, User


class SignedTokens:
    """Signs with the private key; derives successors of refresh tokens with a key of its own."""

    def __init__(self, private_pem: str, *, issuer: str) -> None:
        self.issuer = TokenIssuer(private_pem, issuer=issuer)
        self._chain = hmac.digest(private_pem.strip().encode(), b"refresh tokens", "sha256")

    def access(self, user: User, session: Session) -> str:
        """Return an access token for a session."""
        return self.issuer.issue(
            subject=user.id, audience="gateway", type=ACCESS, life=ACCESS_LIFE, sid=session.id
        )

    def log_ticket(self, *, user_id: str, stream: str) -> str:
        """Return a ticket for one log."""
        return self.issuer.issue(
            subject=user_id,
            audience="log-service",
            type=LOG_TICKET,
            life=TICKET_LIFE,
            stream=stream,
        )

    def new_refresh(self) -> str:
        """Return a fresh opaque refresh token of 256 bits."""
        return secrets.token_urlsafe(32)

    def successor(self, refresh: str) -> str:
        """Return the one token that follows this one; without our key it looks random.

        Two requests that exchange the same token at once therefore get the same successor,
        and nothing but hashes needs to be stored.
        """
        mac = hmac.new(self._chain, refresh.encode(), hashlib.sha256)
        return base64.urlsafe_b64encode(mac.digest()).rstrip(b"=").decode()


def read_or_make_key(file: Path) -> str:
    """Return the private key in the file; at the first start make it, readable by us alone."""
    if not file.exists():
        file.parent.mkdir(parents=True, exist_ok=True)
        fresh = file.with_name(f".{file.name}.{secrets.token_hex(4)}")
        descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w") as out:
            out.write(new_private_pem())
        try:
            os.link(fresh, file)  # whole or not at all; another copy may be faster
        except FileExistsError:
            pass
        finally:
            fresh.unlink()
    return file.read_text()
