"""What an administrator tells of the hypervisor, and what the vm-service answers about it.

These travel as questions from the gateway to the vm-service; nothing here is ever stored on
the bus. The token's secret travels and rests sealed.
"""

from ipaddress import (
    IPv4Address,
    IPv4Interface,
    IPv4Network,
    IPv6Address,
    IPv6Interface,
    IPv6Network,
)
from typing import Final, Literal, Self

from pydantic import BaseModel, Field, IPvAnyAddress, model_validator

SECRET_PLACE: Final = ("hypervisor", "/token_secret")  # what the envelope is bound to

NODE: Final = r"^[a-zA-Z0-9]([a-zA-Z0-9-]{0,61}[a-zA-Z0-9])?$"


class Network(BaseModel, frozen=True, extra="forbid"):
    """Where guests are attached, and which addresses are theirs.

    ``static``: addresses are given out from ``subnet`` (and ``subnet6``) by us. ``dhcp``: the
    guest gets one, tells it through its agent, and it is believed only inside the subnets.
    """

    name: str = Field(default="default", pattern=r"^[a-z][a-z0-9-]{0,31}$")
    mode: Literal["static", "dhcp"] = "static"
    bridge: str = Field(default="vmbr0", pattern=r"^[a-zA-Z][a-zA-Z0-9_.-]{0,31}$")
    vlan: int | None = Field(default=None, ge=1, le=4094)
    subnet: IPv4Network = IPv4Network("10.77.0.0/16")
    gateway: IPv4Address | None = None
    first: IPv4Address | None = None  # of those given out; default: the subnet's
    last: IPv4Address | None = None
    subnet6: IPv6Network | None = None
    gateway6: IPv6Address | None = None
    nameservers: tuple[IPvAnyAddress, ...] = Field(default=(), max_length=3)
    search_domain: str | None = Field(
        default=None, pattern=r"^[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?$"
    )

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        for name in ("gateway", "first", "last"):
            address: IPv4Address | None = getattr(self, name)
            if address is not None and address not in self.subnet:
                raise ValueError(f"{name} is not in the subnet")
        if self.first and self.last and self.first > self.last:
            raise ValueError("first is above last")
        if self.gateway6 and (self.subnet6 is None or self.gateway6 not in self.subnet6):
            raise ValueError("gateway6 is not in subnet6")
        return self


class Assignment(BaseModel, frozen=True):
    """What one guest was given of a network. No ``address`` means DHCP."""

    network: Network
    address: IPv4Interface | None = None
    address6: IPv6Interface | None = None


class HypervisorSettings(BaseModel, frozen=True, extra="forbid"):
    """One Proxmox VE cluster, and what of it is ours to use.

    ``ca_pem`` and ``fingerprint`` (SHA-256 of the certificate): at most one of them; neither
    means the system's CAs. ``token_secret`` is an envelope everywhere but in the API's request.
    """

    url: str = Field(pattern=r"^https://[^/@\s]+$", max_length=255)
    token_id: str = Field(pattern=r"^[^@!\s]+@[^@!\s]+![A-Za-z][\w.-]+$", max_length=255)
    token_secret: str = Field(min_length=1, max_length=512, repr=False)
    ca_pem: str | None = Field(default=None, max_length=65_536)
    fingerprint: str | None = Field(default=None, pattern=r"^([0-9A-Fa-f]{2}:){31}[0-9A-Fa-f]{2}$")
    templates: tuple[int, ...] = Field(default=(9000,), min_length=1, max_length=64)
    pool: str = Field(default="spawnyard", pattern=r"^[A-Za-z0-9][A-Za-z0-9._/-]{0,62}$")
    clone: Literal["linked", "full"] = "linked"
    storage: str | None = Field(default=None, pattern=r"^[A-Za-z][A-Za-z0-9._-]{1,62}$")
    nodes: tuple[str, ...] = ()  # those that may be used; none: all
    drained: tuple[str, ...] = ()  # no new VMs here
    vmid_first: int = Field(default=900_000, ge=100, le=999_999_999)
    vmid_last: int = Field(default=999_999, ge=100, le=999_999_999)
    networks: tuple[Network, ...] = Field(default=(Network(),), min_length=1, max_length=16)

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.vmid_first > self.vmid_last:
            raise ValueError("vmid_first is above vmid_last")
        if self.ca_pem and self.fingerprint:
            raise ValueError("give ca_pem or fingerprint, not both")
        if self.storage and self.clone == "linked":
            raise ValueError("a linked clone stays on its template's storage; leave storage out")
        return self


class Finding(BaseModel, frozen=True):
    """One thing the doctor looked at. ``command`` repairs it, or shows more of it."""

    code: str
    level: Literal["ok", "warning", "error"]
    title: str
    detail: str = ""
    command: str | None = None


class Diagnosis(BaseModel, frozen=True):
    """What the doctor found; ``version`` is Proxmox's, as far as it answered."""

    version: str | None = None
    findings: tuple[Finding, ...] = ()

    @property
    def is_healthy(self) -> bool:
        """Tell whether nothing would keep a deployment from succeeding."""
        return all(finding.level != "error" for finding in self.findings)


class Orphan(BaseModel, frozen=True):
    """A VM in our range that no living server explains, and what the sweeper does about it."""

    vmid: int
    node: str
    verdict: Literal["to_delete", "waiting", "deleted", "cleanup_blocked", "foreign_vm"]
    reason: str
    command: str | None = None


class SweepReport(BaseModel, frozen=True):
    """What the last sweep saw. ``halted``: it wanted to delete more than its cap allows."""

    at: str | None = None
    dry_run: bool = False
    halted: bool = False
    orphans: tuple[Orphan, ...] = ()
