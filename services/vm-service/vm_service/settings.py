"""The vm-service's knobs; read by ``main`` alone."""

from ipaddress import IPv4Address, IPv4Network
from pathlib import Path
from typing import Literal, Self

from pydantic import Field, HttpUrl, SecretStr, model_validator

from common.settings import ServiceSettings


class Settings(ServiceSettings):
    """Where Proxmox is, what of it is ours, and how guests are set up."""

    port: int = Field(default=8081, ge=1, le=65_535, description="Port the HTTP server binds")
    proxmox_url: HttpUrl = Field(description="Address of the Proxmox API: `https://host:8006`")
    proxmox_token_id: str = Field(
        pattern=r"^[^@!\s]+@[^@!\s]+![A-Za-z][\w.-]+$",
        description="API token's name: `user@realm!token`",
    )
    proxmox_token_secret: SecretStr = Field(description="API token's secret")
    proxmox_ca_file: Path | None = Field(
        default=None, description="CA that signed Proxmox's certificate; default: the system's CAs"
    )
    proxmox_node: str | None = Field(
        default=None, description="Node for new VMs; default: the node of the template"
    )
    proxmox_template: int = Field(default=9000, ge=100, description="VM id of the template")
    proxmox_pool: str = Field(default="spawnyard", description="Pool that holds our VMs")
    vmid_first: int = Field(default=900_000, ge=100, description="First VM id that is ours")
    vmid_last: int = Field(default=999_999, ge=100, description="Last VM id that is ours")
    address_pool: IPv4Network = Field(
        default=IPv4Network("10.77.0.0/16"), description="Network of the guests"
    )
    address_gateway: IPv4Address = Field(
        default=IPv4Address("10.77.0.1"), description="The guests' gateway"
    )
    nameservers: str = Field(
        default="", description="The guests' name servers, separated by spaces; default: the node's"
    )
    hypervisor_key_file: Path | None = Field(
        default=None,
        description="Keys that the hypervisor's token is sealed with, one per line in base64; "
        "the gateway has the same file. Without it, nothing but this environment counts",
    )
    ssh_public_key_file: Path = Field(description="SSH key that gets into the guests")
    guest_user: str = Field(
        default="yard", pattern=r"^[a-z_][a-z0-9_-]{0,31}$", description="User in the guests"
    )
    reach: Literal["direct", "url"] = Field(
        default="direct", description="How a guest's endpoint is found out"
    )
    reach_url: str | None = Field(
        default=None, description="For `url`: address that tells it, with `{vmid}` in it"
    )
    clone_limit: int = Field(default=4, ge=1, description="Clones made at the same time")
    host_key_policy: Literal["agent", "tofu"] = Field(
        default="agent", description="Prove host keys by the guest agent, or trust the first seen"
    )

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.vmid_first > self.vmid_last:
            raise ValueError("vmid_first is above vmid_last")
        if self.address_gateway not in self.address_pool:
            raise ValueError("address_gateway is not in address_pool")
        if self.reach == "url" and "{vmid}" not in (self.reach_url or ""):
            raise ValueError("reach_url is needed, with {vmid} in it")
        return self
