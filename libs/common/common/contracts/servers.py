"""What a server is asked to be, and from where it is reached."""

from typing import Literal

from pydantic import BaseModel, Field, JsonValue


class Plan(BaseModel, frozen=True, extra="forbid"):
    """A named size. Memory in MiB, disk in GiB."""

    name: str
    cores: int = Field(ge=1, le=128)
    memory_mib: int = Field(ge=256, le=1_048_576)
    disk_gib: int = Field(ge=2, le=16_384)


class Port(BaseModel, frozen=True, extra="forbid"):
    """A port the game listens on inside the guest."""

    name: str
    protocol: Literal["tcp", "udp"]
    number: int = Field(ge=1, le=65_535)


class ServerSpec(BaseModel, frozen=True, extra="forbid"):
    """Everything needed to bring a server up; validated by the gateway, trusted by nobody else.

    ``cpu_type``: the VM's CPU; none leaves it to the template.
    """

    name: str = Field(min_length=1, max_length=63, pattern=r"^[a-z0-9]([a-z0-9-]*[a-z0-9])?$")
    game: str
    game_version: str
    settings: dict[str, JsonValue] = Field(default_factory=dict)
    plan: Plan
    ports: tuple[Port, ...] = ()
    cpu_type: Literal["host"] | None = None
    keep_on_failure: bool = False


class PublishedPort(BaseModel, frozen=True):
    """A guest's port and the port under which the world reaches it."""

    name: str
    protocol: Literal["tcp", "udp"]
    guest_port: int
    public_port: int


class Endpoint(BaseModel, frozen=True):
    """How a guest is reached. ``address`` is its own; the others are how outsiders get there."""

    address: str
    ssh_host: str
    ssh_port: int
    public_host: str
    ports: tuple[PublishedPort, ...] = ()
