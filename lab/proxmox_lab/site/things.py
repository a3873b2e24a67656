"""What a site is made of: machines with their volumes, storages and pools."""

from pydantic import BaseModel


class Volume(BaseModel):
    """One disk image on a storage."""

    vmid: int
    size: int
    format: str = "qcow2"
    parent: str | None = None
    ctime: int = 0
    used: int = 331776  # bytes that hold something; what a copy takes its time for


class Snapshot(BaseModel):
    """A machine's configuration at a moment, under a name."""

    config: dict[str, str]
    snaptime: int
    description: str = ""
    parent: str | None = None
    vmstate: str | None = None  # volume that holds the memory
    state: str | None = None  # prepare or delete, while that goes on or after it was cut off


class Machine(BaseModel):
    """One virtual machine. Configuration values are text, as in Proxmox's own files."""

    vmid: int
    node: str = "pve"
    config: dict[str, str]
    pending: dict[str, str] = {}
    doomed: list[str] = []  # keys that go at the next stop
    snapshots: dict[str, Snapshot] = {}
    volumes: dict[str, Volume] = {}
    template: str = ""  # name of the template its disk descends from
    powered: bool = False  # was running when last seen; decides what a restart of the lab does
    paused: bool = False
    abandoned: bool = False  # half-made, and its maker is dead: stays across restarts
    seeded: dict[str, str] | None = None  # what the cloud-init drive was made of at power on
    born: float = 0.0  # when it was made; it takes a while until all nodes know
    guest: bool = False  # has a machine behind it, not only a configuration

    @property
    def name(self) -> str:
        return self.config.get("name", f"VM {self.vmid}")

    @property
    def is_template(self) -> bool:
        return self.config.get("template") == "1"

    @property
    def lock(self) -> str | None:
        return self.config.get("lock")


class StoredFile(BaseModel):
    """What lies on a storage beside the drives of machines: images, templates, backups."""

    volid: str
    node: str
    content: str  # iso, vztmpl, backup, snippets, import, images
    size: int
    format: str
    ctime: int
    vmid: int | None = None
    notes: str | None = None
    protected: bool = False


class Storage(BaseModel):
    """A place for volumes, one on each node unless it is shared."""

    path: str
    content: list[str]
    type: str = "dir"
    shared: bool = False
    nodes: list[str] = []  # where it may be used; empty means everywhere
    disabled: bool = False
    full: bool = False  # no room is left for anything new
    options: dict[str, str] = {}  # the rest of its definition, as it was given
    files: list[StoredFile] = []

    def is_on(self, node: str) -> bool:
        """Tell whether it may be used on a node."""
        return not self.nodes or node in self.nodes

    def files_on(self, node: str) -> list[StoredFile]:
        """List the files that a node finds here."""
        return [file for file in self.files if self.shared or file.node == node]


class Pool(BaseModel):
    """A named set of machines and storages, for rights."""

    comment: str = ""
    machines: set[int] = set()
    storages: list[str] = []
