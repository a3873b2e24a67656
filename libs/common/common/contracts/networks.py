"""Networks that guests are attached to, and what one guest was given of one."""

from ipaddress import (
    IPv4Address,
    IPv4Interface,
    IPv4Network,
    IPv6Address,
    IPv6Interface,
    IPv6Network,
)
from typing import Literal

from pydantic import BaseModel, Field, IPvAnyAddress, ValidationInfo, field_validator


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

    @field_validator("gateway", "first", "last")
    @classmethod
    def _inside(cls, address: IPv4Address | None, info: ValidationInfo) -> IPv4Address | None:
        subnet: IPv4Network | None = info.data.get("subnet")
        if address is not None and subnet is not None and address not in subnet:
            raise ValueError("it is not in the subnet")
        return address

    @field_validator("last")
    @classmethod
    def _after_first(cls, last: IPv4Address | None, info: ValidationInfo) -> IPv4Address | None:
        first: IPv4Address | None = info.data.get("first")
        if first is not None and last is not None and first > last:
            raise ValueError("it is below first")
        return last

    @field_validator("gateway6")
    @classmethod
    def _inside6(cls, address: IPv6Address | None, info: ValidationInfo) -> IPv6Address | None:
        subnet6: IPv6Network | None = info.data.get("subnet6")
        if address is not None and (subnet6 is None or address not in subnet6):
            raise ValueError("it is not in subnet6")
        return address


class Assignment(BaseModel, frozen=True):
    """What one guest was given of a network. No ``address`` means DHCP."""

    network: Network
    address: IPv4Interface | None = None
    address6: IPv6Interface | None = None
