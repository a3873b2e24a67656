"""Every refusal of the gateway: what is wrong, for a program and for a person."""

from dataclasses import dataclass
from typing import ClassVar


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing wrong with what was sent: where (a JSON pointer) and why. Never the value."""

    pointer: str
    detail: str


class Refused(Exception):
    """A request that is answered with no. ``code`` is stable; the rest is for people."""

    code: ClassVar[str] = "refused"
    title: ClassVar[str] = "The request was refused"

    def __init__(
        self, detail: str, *, remedy: str | None = None, faults: tuple[Fault, ...] = ()
    ) -> None:
        super().__init__(detail)
        self.detail = detail
        self.remedy = remedy
        self.faults = faults


class GameNotFound(Refused):
    """No game of this name in the catalogue."""

    code = "game_not_found"
    title = "No such game"


class EventTypeNotFound(Refused):
    """No event of this type is ever told."""

    code = "event_type_not_found"
    title = "No such type of event"


class TooManyStreams(Refused):
    """One user follows events in more places than anybody needs."""

    code = "too_many_streams"
    title = "You follow events in too many places"


class UnknownGame(Refused):
    """A deployment that names no game of the catalogue."""

    code = "unknown_game"
    title = "The catalogue holds no such game"


class UnknownPlan(Refused):
    """A deployment that names no plan we have."""

    code = "unknown_plan"
    title = "There is no such plan"


class PlanTooSmall(Refused):
    """A plan with less than the game runs on at all."""

    code = "plan_too_small"
    title = "The game needs a larger plan"


class SettingsRefused(Refused):
    """Settings that do not fit the game's schema."""

    code = "settings_refused"
    title = "The settings do not fit the game"


class KeyReused(Refused):
    """An Idempotency-Key that came before with another body."""

    code = "idempotency_key_reused"
    title = "This Idempotency-Key was used for another request"


class OperationNotFound(Refused):
    """No such operation, or not the caller's."""

    code = "operation_not_found"
    title = "No such operation"


class ServerNotFound(Refused):
    """No such server, or not the caller's."""

    code = "server_not_found"
    title = "No such server"


class ServerDeleted(Refused):
    """The server does not exist any more."""

    code = "server_deleted"
    title = "The server is deleted"


class ServerBusy(Refused):
    """Another operation is active on the server."""

    code = "server_busy"
    title = "Another operation is active on this server"


class PhaseForbids(Refused):
    """The server is in a phase in which an operation of this kind makes no sense."""

    code = "phase_forbids"
    title = "The server's phase does not allow this"


class NothingToChange(Refused):
    """The server is already what it is asked to be."""

    code = "nothing_to_change"
    title = "There is nothing to change"


class NoVersions(Refused):
    """A version was asked for of a game that has none to choose."""

    code = "no_versions"
    title = "This game has no versions to choose"


class NeedsNewWorld(Refused):
    """A setting that only a new world takes, of a server that has one."""

    code = "needs_new_world"
    title = "Only a new world takes this setting"


class NotTogether(Refused):
    """Changes that are operations of their own."""

    code = "not_together"
    title = "These cannot be changed in one go"


class DiskCannotShrink(Refused):
    """A plan with a smaller disk than the server has."""

    code = "disk_cannot_shrink"
    title = "A disk cannot shrink"


class OperationEnded(Refused):
    """The operation has reached its end; nothing can be changed any more."""

    code = "operation_ended"
    title = "The operation has ended"


class NotCancellable(Refused):
    """An operation of this kind runs to its end."""

    code = "not_cancellable"
    title = "This operation cannot be cancelled"
