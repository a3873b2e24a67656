"""A template that was baked for a game: where it is, and whether it may be removed."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from common.contracts import events as evt
from gateway.domain.errors import Refused

NAMED: Final = 5  # servers that a refusal names


@dataclass(frozen=True, slots=True, kw_only=True)
class Baked:
    """A VM that has become a template. ``base``: the template it was itself cloned from."""

    vmid: int
    node: str
    base: int
    at: datetime

    @classmethod
    def of(cls, fact: evt.VMTemplated) -> "Baked":
        """Return what is kept of the fact."""
        return cls(vmid=fact.vmid, node=fact.node, base=fact.base, at=fact.time)


class TemplateNotFound(Refused):
    """No template of this id."""

    code = "template_not_found"
    title = "There is no such template"


class TemplateInUse(Refused):
    """A template on which the disks of servers rest."""

    code = "template_in_use"
    title = "The template is in use"


def check_unused(servers: Sequence[str]) -> None:
    """Raise ``TemplateInUse`` if there are such servers."""
    if not servers:
        return
    more = f" and {len(servers) - NAMED} more" if len(servers) > NAMED else ""
    named = ", ".join(servers[:NAMED])
    raise TemplateInUse(
        f"The disks of {len(servers)} servers rest on this template: {named}{more}."
        if len(servers) > 1
        else f"The disk of server {named} rests on this template.",
        remedy="Delete them first. Bake another: new servers are then cloned from that one.",
    )
