"""The bus on one page: streams, who reads what, and what each service may touch.

EVENTS  evt.<entity>.<fact>.v<n>.<server id>    facts, kept 90 days
LOGS    log.<operation id>                      batches of lines, kept 14 days
DEAD    dead.<durable>.<original subject>       what nobody could handle, kept 30 days
live.logged.<operation id>                      core NATS, not stored: "lines were recorded"
ask.<service>.<question>                        core NATS, not stored: a question and its answer
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

DAY: Final = 86_400
MIB: Final = 1_048_576
LARGEST_MESSAGE: Final = 256 * 1024  # bytes, headers and all
LARGEST_BODY: Final = LARGEST_MESSAGE - 4096


@dataclass(frozen=True, slots=True, kw_only=True)
class Stream:
    """A JetStream stream. ``max_age`` and ``duplicate_window`` in seconds, sizes in bytes."""

    name: str
    subjects: tuple[str, ...]
    max_age: int
    max_bytes: int
    max_msg_size: int = LARGEST_MESSAGE
    duplicate_window: int = 3600


@dataclass(frozen=True, slots=True, kw_only=True)
class Durable:
    """A durable pull consumer: one service's place in one stream. ``ack_wait`` in seconds."""

    name: str
    stream: str
    filters: tuple[str, ...]
    ack_wait: int = 30
    max_ack_pending: int = 256


@dataclass(frozen=True, slots=True, kw_only=True)
class Access:
    """What a service's NATS user may say and hear. ``answers``: one reply to what it heard."""

    publish: tuple[str, ...]
    subscribe: tuple[str, ...]
    answers: bool = False


STREAMS: Final = (
    Stream(name="EVENTS", subjects=("evt.>",), max_age=90 * DAY, max_bytes=512 * MIB),
    Stream(name="LOGS", subjects=("log.*",), max_age=14 * DAY, max_bytes=1024 * MIB),
    Stream(name="DEAD", subjects=("dead.>",), max_age=30 * DAY, max_bytes=128 * MIB),
)

GATEWAY: Final = Durable(
    name="gateway",
    stream="EVENTS",
    filters=("evt.operation.step_changed.>", "evt.vm.>", "evt.server.>"),
)
VM_SERVICE: Final = Durable(
    name="vm-service",
    stream="EVENTS",
    filters=(
        "evt.deployment.requested.>",
        "evt.change.requested.>",
        "evt.cancel.requested.>",
        "evt.removal.requested.>",
        "evt.rollback.requested.>",
        "evt.snapshot.released.>",
        "evt.server.sealed.>",
    ),
)
PROVISIONER: Final = Durable(
    name="provisioner",
    stream="EVENTS",
    filters=(
        "evt.vm.ready.>",
        "evt.cancel.requested.>",
        "evt.removal.requested.>",
        "evt.rollback.requested.>",
    ),
)
# One batch in flight at a time, so that a line never overtakes another after a crash.
LOG_SERVICE: Final = Durable(
    name="log-service", stream="LOGS", filters=("log.*",), ack_wait=5, max_ack_pending=1
)

DURABLES: Final = (GATEWAY, VM_SERVICE, PROVISIONER, LOG_SERVICE)


def logged_subject(stream_id: str) -> str:
    """Where the log-service's copies tell each other that a stream has grown."""
    return f"live.logged.{stream_id}"


def question_subject(service: str, question: str) -> str:
    """Where one service asks another, and waits for the answer: ``ask.vm-service.doctor``."""
    return f"ask.{service}.{question}"


def _worker(
    service: str, *durables: Durable, says: tuple[str, ...], hears: tuple[str, ...] = ()
) -> Access:
    """Grant what a worker needs: its own facts, its own durables, its own inbox."""
    api = tuple(
        f"$JS.API.CONSUMER.{verb}.{d.stream}.{d.name}"
        for d in durables
        for verb in ("INFO", "MSG.NEXT")
    )
    acks = tuple(f"$JS.ACK.{d.stream}.{d.name}.>" for d in durables)
    return Access(
        publish=(*says, *api, *acks, "dead.>", "$JS.API.INFO"),
        subscribe=(f"_INBOX_{service}.>", *hears),
        answers=any(subject.startswith("ask.") for subject in hears),
    )


ACCESS: Final[Mapping[str, Access]] = {
    # The gateway declares streams and consumers for all, so that no worker can.
    "gateway": Access(publish=(">",), subscribe=(">",)),
    "vm-service": _worker(
        "vm-service",
        VM_SERVICE,
        says=("evt.vm.>", "evt.operation.step_changed.>", "log.*", "ask.provisioner.ssh_key"),
        hears=("ask.vm-service.>",),
    ),
    "provisioner": _worker(
        "provisioner",
        PROVISIONER,
        says=("evt.server.>", "evt.operation.step_changed.>", "log.*"),
        hears=("ask.provisioner.>",),
    ),
    "log-service": _worker(
        "log-service",
        LOG_SERVICE,
        says=("live.logged.*",),
        hears=("live.logged.*",),
    ),
}
