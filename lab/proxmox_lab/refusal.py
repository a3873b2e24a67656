"""How a method says no: a status, a reason phrase and errors by parameter."""

from collections.abc import Mapping
from typing import Final

VERIFICATION_FAILED: Final = "Parameter verification failed."


class Refusal(Exception):
    """An answer that is not a success; the first line of ``text`` becomes the reason phrase."""

    def __init__(
        self, text: str, *, status: int = 500, errors: Mapping[str, str] | None = None
    ) -> None:
        super().__init__(text)
        self.text = text
        self.status = status
        self.errors = errors


class PlainRefusal(Refusal):
    """A refusal of the HTTP layer itself: the body is text, or nothing."""


class WorkerDied(Exception):
    """Somebody killed the task's worker: nothing is cleaned up and no last line is written."""


class TaskAborted(Exception):
    """Somebody stopped the task; it ends without a last line."""


def invalid(errors: Mapping[str, str]) -> Refusal:
    """Say which parameters are wrong, in Proxmox's envelope for that."""
    return Refusal(VERIFICATION_FAILED, status=400, errors=errors)


def forbidden(what: str | None = None) -> Refusal:
    """Say which right is missing, as far as Proxmox tells."""
    return Refusal("Permission check failed" + (f" ({what})" if what else ""), status=403)


def unauthorized(reason: str, *, with_body: bool = False) -> Refusal:
    """Refuse an identity; only a failed login has a body."""
    return Refusal(reason, status=401, errors={} if with_body else None)


def no_config(vmid: int | str, node: str) -> Refusal:
    """There is no such machine, as most methods say it."""
    return Refusal(f"Configuration file 'nodes/{node}/qemu-server/{vmid}.conf' does not exist")


def config_not_found(vmid: int | str, node: str) -> Refusal:
    """There is no such machine, as clone, stop and shutdown say it."""
    return Refusal(f"unable to find configuration file for VM {vmid} on node '{node}'")
