"""What a server is asked to be, and from where it is reached."""

from typing import Final, Literal

from pydantic import AwareDatetime, BaseModel, Field, JsonValue

CHECKSUM: Final = r"^(sha1:[0-9a-f]{40}|sha256:[0-9a-f]{64})$"


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


class Artefact(BaseModel, frozen=True):
    """One file that a game is made of. ``size`` in bytes; ``unpack``: how it is to be unpacked.

    Without a ``checksum`` nobody can tell whether it is the same bytes again.
    """

    name: str
    url: str
    size: int | None = Field(default=None, ge=0)
    checksum: str | None = Field(default=None, pattern=CHECKSUM)
    unpack: str | None = None


class Lock(BaseModel, frozen=True):
    """What exactly a server was made of, so that making it again yields the same.

    ``runtime``: what runs the game, by name (``java``: ``21``). ``packages``: versions by the
    name of the package. ``build``: how the vendor names it, where no file has an address of its
    own. ``definition``: the version of the game's folder. ``note``: what a redeploy may not keep.
    """

    game: str
    variant: str | None = None
    version: str
    artefacts: tuple[Artefact, ...] = ()
    runtime: dict[str, str] = Field(default_factory=dict)
    packages: dict[str, str] = Field(default_factory=dict)
    build: str | None = None
    definition: str
    resolved_at: AwareDatetime
    note: str | None = None


class ServerSpec(BaseModel, frozen=True, extra="forbid"):
    """Everything needed to bring a server up; validated by the gateway, trusted by nobody else.

    ``cpu_type``: the VM's CPU; none leaves it to the template. ``lock``: what it was made of the
    last time; none: to be found out, as for an update. ``purpose``: a ``template`` gets what is
    heavy about its game, and no game. ``recipe``: digest of what such a template is made by; VMs
    of the same game and recipe may be cloned from it.
    """

    name: str = Field(min_length=1, max_length=63, pattern=r"^[a-z0-9]([a-z0-9-]*[a-z0-9])?$")
    game: str
    game_version: str
    settings: dict[str, JsonValue] = Field(default_factory=dict)
    plan: Plan
    ports: tuple[Port, ...] = ()
    cpu_type: Literal["host"] | None = None
    keep_on_failure: bool = False
    lock: Lock | None = None
    purpose: Literal["server", "template"] = "server"
    recipe: str | None = None


class TaskTiming(BaseModel, frozen=True):
    """How long a task of a playbook took, in seconds, and whether it changed anything."""

    task: str
    seconds: float = Field(ge=0)
    changed: bool = False


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
