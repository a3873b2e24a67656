"""Whether a game has to be restarted for what differs; data for the playbook, no branch in it."""

from collections.abc import Set as AbstractSet
from dataclasses import dataclass

from common.contracts.servers import ServerSpec


@dataclass(frozen=True, slots=True, kw_only=True)
class Manner:
    """How a playbook goes about its work.

    ``again``: one before it was cut off, perhaps between a file and the restart it asks for.
    ``restart``: settings that are written anew take the game's restart. ``renew``: packages are
    brought to the newest that there are.
    """

    again: bool = False
    restart: bool = True
    renew: bool = False

    @property
    def tags(self) -> tuple[str, ...]:
        """The tags of tasks that are to be played beyond the usual ones."""
        return ("again",) if self.again else ()


def takes_restart(before: ServerSpec | None, after: ServerSpec, *, quiet: AbstractSet[str]) -> bool:
    """Tell whether a game is restarted if its settings are written: not for ``quiet`` ones alone.

    If nobody knows what was ``before``, or nothing differs (then somebody else has changed the
    files), it is.
    """
    if before is None or _around(before, after) != after:
        return True
    names = before.settings.keys() | after.settings.keys()
    changed = {name for name in names if before.settings.get(name) != after.settings.get(name)}
    return not changed or not changed <= quiet


def _around(before: ServerSpec, after: ServerSpec) -> ServerSpec:
    """Return what was before, but for what is another without the game's noticing."""
    return before.model_copy(update={"settings": after.settings, "name": after.name})
