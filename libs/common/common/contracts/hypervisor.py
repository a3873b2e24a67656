"""What an administrator tells of the hypervisor, and what the vm-service answers about it.

These travel as questions from the gateway to the vm-service; nothing here is ever stored on
the bus. The token's secret travels and rests sealed.
"""

import ssl
from typing import Annotated, Final, Literal, TypeVar
from urllib.parse import urlsplit

from pydantic import BaseModel, Field, ValidationInfo, field_validator

from common.contracts.networks import Assignment, Network

__all__ = ["Assignment", "Network"]  # they belong to the settings, and are looked for here

SECRET_PLACE: Final = ("hypervisor", "/token_secret")  # what the envelope is bound to

NODE: Final = r"^[a-zA-Z0-9]([a-zA-Z0-9-]{0,61}[a-zA-Z0-9])?$"

NodeName = Annotated[str, Field(pattern=NODE)]
Part = TypeVar("Part")
Template = Annotated[int, Field(ge=100, le=999_999_999)]


class ClusterSettings(BaseModel, frozen=True, extra="forbid"):
    """One Proxmox VE cluster, and what of it is ours to use: all but the token's secret.

    ``ca_pem`` and ``fingerprint`` (SHA-256 of the certificate): at most one of them; neither
    means the system's CAs.
    """

    url: str = Field(pattern=r"^https://[^/@\s]+$", max_length=255)
    token_id: str = Field(pattern=r"^[^@!\s]+@[^@!\s]+![A-Za-z][\w.-]+$", max_length=255)
    ca_pem: str | None = Field(default=None, max_length=65_536)
    fingerprint: str | None = Field(default=None, pattern=r"^([0-9A-Fa-f]{2}:){31}[0-9A-Fa-f]{2}$")
    templates: tuple[Template, ...] = Field(default=(9000,), max_length=64)
    pool: str = Field(default="spawnyard", pattern=r"^[A-Za-z0-9][A-Za-z0-9._/-]{0,62}$")
    clone: Literal["linked", "full"] = "linked"
    storage: str | None = Field(default=None, pattern=r"^[A-Za-z][A-Za-z0-9._-]{1,62}$")
    nodes: tuple[NodeName, ...] = ()  # those that may be used; none: all
    drained: tuple[NodeName, ...] = ()  # no new VMs here
    vmid_first: int = Field(default=900_000, ge=100, le=999_999_999)
    vmid_last: int = Field(default=999_999, ge=100, le=999_999_999, validate_default=True)
    networks: tuple[Network, ...] = Field(default=(Network(),), max_length=16)

    @field_validator("url")
    @classmethod
    def _has_host(cls, url: str) -> str:
        try:
            parts = urlsplit(url)
            fine = bool(parts.hostname) and parts.port != 0
        except ValueError:
            fine = False
        if not fine:
            raise ValueError("it must be https://host or https://host:port")
        return url

    @field_validator("ca_pem")
    @classmethod
    def _certificate(cls, pem: str | None) -> str | None:
        try:
            ssl.create_default_context(cadata=pem)
        except (ssl.SSLError, ValueError):
            raise ValueError("it holds no certificate in PEM") from None
        return pem

    @field_validator("fingerprint")
    @classmethod
    def _one_trust(cls, fingerprint: str | None, info: ValidationInfo) -> str | None:
        if fingerprint is not None and info.data.get("ca_pem"):
            raise ValueError("give ca_pem or fingerprint, not both")
        return fingerprint

    @field_validator("storage")
    @classmethod
    def _for_full_clones(cls, storage: str | None, info: ValidationInfo) -> str | None:
        if storage is not None and info.data.get("clone") == "linked":
            raise ValueError("a linked clone stays on its template's storage; leave storage out")
        return storage

    @field_validator("vmid_last")
    @classmethod
    def _range(cls, last: int, info: ValidationInfo) -> int:
        if last < info.data.get("vmid_first", 0):
            raise ValueError("it is below vmid_first")
        return last

    @field_validator("templates", "networks")
    @classmethod
    def _some(cls, given: tuple[Part, ...]) -> tuple[Part, ...]:
        if not given:  # told here: ``min_length`` would also count what is wrong by itself
            raise ValueError("at least one is needed")
        return given

    @field_validator("networks")
    @classmethod
    def _names_differ(cls, networks: tuple[Network, ...]) -> tuple[Network, ...]:
        if len({network.name for network in networks}) != len(networks):
            raise ValueError("two networks have the same name")
        return networks


class HypervisorSettings(ClusterSettings, frozen=True):
    """The cluster and the token's secret, which is an envelope wherever it travels or rests."""

    token_secret: str = Field(min_length=1, max_length=512, repr=False)


class HypervisorWish(ClusterSettings, frozen=True):
    """Settings that are to be tried or stored. No secret: the one in force, for the same token."""

    token_secret: str | None = Field(default=None, min_length=1, max_length=512, repr=False)


class Finding(BaseModel, frozen=True):
    """One thing the doctor looked at. ``command`` repairs it, or shows more of it."""

    code: str
    level: Literal["ok", "warning", "error"]
    title: str
    detail: str = ""
    command: str | None = None
    pointer: str | None = None  # the setting at fault, if one is


class Diagnosis(BaseModel, frozen=True):
    """What the doctor found; ``version`` is Proxmox's, as far as it answered."""

    version: str | None = None
    findings: tuple[Finding, ...] = ()

    @property
    def is_healthy(self) -> bool:
        """Tell whether nothing would keep a deployment from succeeding."""
        return all(finding.level != "error" for finding in self.findings)


class SettingsPut(BaseModel, frozen=True):
    """The question ``hypervisor.put``. Only ``force`` stores what does not pass the test."""

    wish: HypervisorWish
    force: bool = False


class SettingsTest(BaseModel, frozen=True):
    """The question ``hypervisor.test``. No wish: those in force are tested."""

    wish: HypervisorWish | None = None


class SettingsInForce(BaseModel, frozen=True):
    """The answer to ``hypervisor.get`` and ``hypervisor.put``; ``diagnosis`` to the latter only.

    ``revision`` counts what was stored; 0 for settings of the environment, or none at all.
    """

    source: Literal["stored", "environment", "none"]
    revision: int = 0
    settings: ClusterSettings | None = None
    diagnosis: Diagnosis | None = None
