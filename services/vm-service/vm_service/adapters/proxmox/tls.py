"""Whom we take for Proxmox: a pinned certificate, a CA of the site, or the system's CAs.

Never nobody in particular: the handshake fails before a byte of a request is sent.
"""

# pyright: reportMissingTypeStubs=false, reportUnknownMemberType=false
# pyright: reportUnknownVariableType=false, reportUnknownArgumentType=false
# (the connection pools of requests are not typed)

import ssl
from typing import Any, Final

import requests
from requests.adapters import HTTPAdapter

from vm_service.adapters.proxmox.site import Access
from vm_service.domain.trouble import Trouble, Verdict

RENEWED: Final = (
    "if the certificate was renewed on purpose, tell its new fingerprint in the hypervisor's "
    "settings (SPAWNYARD_PROXMOX_FINGERPRINT): openssl x509 -noout -fingerprint -sha256 "
    "-in /etc/pve/local/pve-ssl.pem"
)
UNTRUSTED: Final = (
    "tell the CA (SPAWNYARD_PROXMOX_CA_FILE, /etc/pve/pve-root-ca.pem) or the certificate's "
    "fingerprint (SPAWNYARD_PROXMOX_FINGERPRINT) in the hypervisor's settings"
)


def trust(access: Access) -> ssl.SSLContext:
    """Return what decides whom we believe. With a pin, the pin alone decides."""
    context = ssl.create_default_context(cafile=access.ca_file, cadata=access.ca_pem)
    if access.fingerprint is not None:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE  # ``assert_fingerprint`` verifies in its place
    return context


class Trusting(HTTPAdapter):
    """Connections that trust one context, and one certificate if it is pinned."""

    def __init__(self, access: Access) -> None:
        self._context = trust(access)
        self._fingerprint = access.fingerprint
        super().__init__(pool_connections=1, pool_maxsize=1)

    def init_poolmanager(
        self, connections: int, maxsize: int, block: bool = False, **pool_kwargs: object
    ) -> None:
        """Have every connection made with our trust."""
        pool_kwargs |= {"ssl_context": self._context, "assert_fingerprint": self._fingerprint}
        super().init_poolmanager(connections, maxsize, block, **pool_kwargs)

    def build_connection_pool_key_attributes(
        self,
        request: requests.PreparedRequest,
        verify: bool | str,
        cert: str | tuple[str, str] | None = None,
    ) -> tuple[Any, Any]:
        """Leave the trust to the context: requests would add CAs of its own."""
        host, _ = super().build_connection_pool_key_attributes(request, verify, cert)
        return host, {}

    def cert_verify(self, conn: object, url: object, verify: object, cert: object) -> None:
        """Do nothing: requests would add CAs of its own."""


def distrust(access: Access, error: BaseException) -> Trouble | None:
    """Return the trouble with a certificate, if that is what the error is about."""
    reason = _innermost(error)
    if access.fingerprint is not None and "ingerprint" in str(reason):
        text = f"Proxmox shows another certificate than the one that is pinned: {reason}"
        return Trouble(Verdict.REFUSED, text, RENEWED)
    if isinstance(reason, ssl.SSLCertVerificationError):
        text = f"Proxmox's certificate is not trusted: {reason}"
        return Trouble(Verdict.REFUSED, text, UNTRUSTED)
    return None


def _innermost(error: BaseException) -> BaseException:
    while True:
        inner = error.__cause__ or error.__context__
        inner = inner or next((arg for arg in error.args if isinstance(arg, BaseException)), None)
        inner = inner or getattr(error, "reason", None)
        if not isinstance(inner, BaseException):
            return error
        error = inner
