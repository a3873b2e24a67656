"""What the gateway asks of the vm-service about templates that were baked for a game."""

from typing import Final

from pydantic import BaseModel, Field

QUESTION: Final = "templates.clones"


class ClonesQuestion(BaseModel, frozen=True):
    """Gateway: whose disks rest on the template that was baked as ``template_id``."""

    template_id: str = Field(min_length=1, max_length=80)


class ClonesAnswer(BaseModel, frozen=True):
    """vm-service: the servers by id; with full clones no disk rests on a template."""

    servers: tuple[str, ...] = ()
