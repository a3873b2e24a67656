"""What the adapter has to know: the settings of one Proxmox, and how guests are set up."""

from dataclasses import dataclass, field
from pathlib import Path

from common.contracts.hypervisor import HypervisorSettings


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """How VMs are made here.

    ``ssh_keys`` open guests that have no key of their own, ``operator_keys`` all guests; one
    OpenSSH public key a line.
    """

    settings: HypervisorSettings
    guest_user: str
    ssh_keys: str
    operator_keys: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Access:
    """Where Proxmox is, and what opens it.

    Trusted is the certificate with this SHA-256 ``fingerprint``, else what ``ca_pem`` or
    ``ca_file`` has signed, else what the system's CAs have.
    """

    url: str
    token_id: str
    token_secret: str = field(repr=False)
    ca_file: Path | None = None
    ca_pem: str | None = None
    fingerprint: str | None = None


def access_to(settings: HypervisorSettings, *, secret: str) -> Access:
    """Return how the Proxmox of these settings is opened; the secret is no envelope here."""
    return Access(
        url=settings.url,
        token_id=settings.token_id,
        token_secret=secret,
        ca_pem=settings.ca_pem,
        fingerprint=settings.fingerprint,
    )
