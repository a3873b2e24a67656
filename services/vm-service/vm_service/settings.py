"""The vm-service's knobs; read by ``main`` alone."""

from datetime import timedelta
from ipaddress import IPv4Address, IPv4Network
from pathlib import Path
from typing import Annotated, Final, Literal, Self

from pydantic import BeforeValidator, Field, HttpUrl, IPvAnyAddress, SecretStr, model_validator
from pydantic_settings import NoDecode

from common.contracts.hypervisor import HypervisorSettings, Network
from common.settings import ServiceSettings
from vm_service.domain.sweep import Rules

SEVERAL: Final = BeforeValidator(lambda text: text.split() if isinstance(text, str) else text)

Names = Annotated[tuple[str, ...], NoDecode, SEVERAL]
VMIds = Annotated[tuple[int, ...], NoDecode, SEVERAL]
Addresses = Annotated[tuple[IPvAnyAddress, ...], NoDecode, SEVERAL]


class Settings(ServiceSettings):
    """Where Proxmox is, what of it is ours, and how guests are set up."""

    port: int = Field(default=8081, ge=1, le=65_535, description="Port the HTTP server binds")
    proxmox_url: HttpUrl | None = Field(
        default=None,
        description="Address of the Proxmox API: `https://host:8006`. The variables about Proxmox "
        "count until an administrator stores settings through the API",
    )
    proxmox_token_id: str | None = Field(
        default=None,
        pattern=r"^[^@!\s]+@[^@!\s]+![A-Za-z][\w.-]+$",
        description="API token's name: `user@realm!token`",
    )
    proxmox_token_secret: SecretStr | None = Field(default=None, description="API token's secret")
    proxmox_ca_file: Path | None = Field(
        default=None, description="CA that signed Proxmox's certificate; default: the system's CAs"
    )
    proxmox_fingerprint: str | None = Field(
        default=None,
        description="SHA-256 fingerprint of Proxmox's certificate, in place of a CA: `AB:CD:…`",
    )
    proxmox_node: Names = Field(
        default=(), description="Nodes for new VMs, separated by spaces; default: all"
    )
    proxmox_drained: Names = Field(
        default=(), description="Nodes that get no new VMs, separated by spaces"
    )
    proxmox_template: VMIds = Field(
        default=(9000,),
        description="VM id of the template; several, separated by spaces: one for each node",
    )
    proxmox_full_clone: bool = Field(
        default=False, description="Copy the template's disk in place of building on it"
    )
    proxmox_storage: str | None = Field(
        default=None, description="For full clones: their storage; default: the template's"
    )
    proxmox_pool: str = Field(default="spawnyard", description="Pool that holds our VMs")
    vmid_first: int = Field(default=900_000, ge=100, description="First VM id that is ours")
    vmid_last: int = Field(default=999_999, ge=100, description="Last VM id that is ours")
    proxmox_bridge: str = Field(default="vmbr0", description="Bridge the guests are attached to")
    proxmox_vlan: int | None = Field(default=None, description="The guests' VLAN; default: none")
    address_mode: Literal["static", "dhcp"] = Field(
        default="static", description="Give addresses out, or believe what DHCP gave a guest"
    )
    address_pool: IPv4Network = Field(
        default=IPv4Network("10.77.0.0/16"), description="Network of the guests"
    )
    address_gateway: IPv4Address = Field(
        default=IPv4Address("10.77.0.1"), description="The guests' gateway"
    )
    address_probe: bool = Field(
        default=True,
        description="For reach `direct`: knock at an address, and leave it to whoever answers",
    )
    nameservers: Addresses = Field(
        default=(),
        description="The guests' name servers, separated by spaces; default: the node's",
    )
    hypervisor_key_file: Path | None = Field(
        default=None,
        description="Keys that the hypervisor's token is sealed with, one per line in base64; "
        "the gateway has the same file. Without it, nothing but this environment counts",
    )
    ssh_public_key_file: Path = Field(
        description="SSH key of the installation, for guests that have no key of their own"
    )
    operator_keys_file: Path | None = Field(
        default=None,
        description="Further SSH keys for every guest, one per line: the operators' own",
    )
    guest_user: str = Field(
        default="yard", pattern=r"^[a-z_][a-z0-9_-]{0,31}$", description="User in the guests"
    )
    reach: Literal["direct", "url"] = Field(
        default="direct", description="How a guest's endpoint is found out"
    )
    reach_url: str | None = Field(
        default=None, description="For `url`: address that tells it, with `{vmid}` in it"
    )
    clone_limit: int = Field(
        default=4, ge=1, description="Clones made at once from one template onto one storage"
    )
    shutdown_seconds: int = Field(
        default=120,
        ge=1,
        description="Seconds a guest has for shutting down before its power is cut",
    )
    host_key_policy: Literal["agent", "tofu"] = Field(
        default="agent", description="Prove host keys by the guest agent, or trust the first seen"
    )
    sweep_every: float = Field(
        default=60, ge=1, le=86_400, description="Seconds between two sweeps for orphaned VMs"
    )
    sweep_age: float = Field(
        default=1800,
        ge=1,
        description="Seconds a VM must have been an orphan before a sweep removes it",
    )
    sweep_cap: int = Field(
        default=5,
        ge=1,
        description="More orphans than this at once are left alone until an operator asks",
    )
    sweep_dry_run: bool = Field(
        default=False, description="Sweeps only report; `yard orphans --sweep --yes` removes"
    )

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.reach == "url" and "{vmid}" not in (self.reach_url or ""):
            raise ValueError("reach_url is needed, with {vmid} in it")
        if self.proxmox_ca_file and self.proxmox_fingerprint:
            raise ValueError("give proxmox_ca_file or proxmox_fingerprint, not both")
        self.hypervisor()
        return self

    def hypervisor(self) -> HypervisorSettings | None:
        """Return what counts until an administrator settles it through the API, if it is said."""
        if not (self.proxmox_url and self.proxmox_token_id and self.proxmox_token_secret):
            return None
        return HypervisorSettings(
            url=str(self.proxmox_url).rstrip("/"),
            token_id=self.proxmox_token_id,
            token_secret=self.proxmox_token_secret.get_secret_value(),
            fingerprint=self.proxmox_fingerprint,
            templates=self.proxmox_template,
            pool=self.proxmox_pool,
            clone="full" if self.proxmox_full_clone else "linked",
            storage=self.proxmox_storage,
            nodes=self.proxmox_node,
            drained=self.proxmox_drained,
            vmid_first=self.vmid_first,
            vmid_last=self.vmid_last,
            networks=(self._network(),),
        )

    def _network(self) -> Network:
        return Network(
            mode=self.address_mode,
            bridge=self.proxmox_bridge,
            vlan=self.proxmox_vlan,
            subnet=self.address_pool,
            gateway=self.address_gateway if self.address_mode == "static" else None,
            nameservers=self.nameservers,
        )

    def sweep_rules(self) -> Rules:
        """Return how patient and how bold sweeps are."""
        return Rules(
            every=timedelta(seconds=self.sweep_every),
            age=timedelta(seconds=self.sweep_age),
            cap=self.sweep_cap,
            dry_run=self.sweep_dry_run,
        )
