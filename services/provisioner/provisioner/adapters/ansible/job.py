"""What the two sides of a playbook run tell each other: JSON lines over pipes."""

from pathlib import Path
from typing import Final

from pydantic import BaseModel, Field, JsonValue

from provisioner.domain.play import PlayEnded, TaskEvent

# In the environment of all that a run starts: its folder, which names the server and whose it is.
MARK: Final = "SPAWNYARD_RUN"
# In the environment of a child, and of all that descends from it, forks included: its own name.
BORN: Final = "SPAWNYARD_CHILD"


class Job(BaseModel, frozen=True):
    """All that the child is told, on its standard input: no command line, no environment."""

    parent: int
    lock: Path
    directory: Path
    project: Path
    modules: Path | None = None  # where packed modules are kept from run to run
    playbook: str
    tags: tuple[str, ...] = ()
    inventory: dict[str, JsonValue]
    variables: dict[str, JsonValue] = Field(repr=False)
    known_hosts: str
    socket: Path | None = None  # of the connection that is shared
    private_key: str | None = Field(default=None, repr=False)
    secrets: tuple[str, ...] = Field(default=(), repr=False)


class Told(BaseModel, frozen=True):
    """One line of the child's standard output; with nothing in it, a sign of life."""

    event: TaskEvent | None = None
    ended: PlayEnded | None = None
