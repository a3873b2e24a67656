"""An example of each public event, for whoever sets up a webhook endpoint and waits for none."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from pydantic import BaseModel

from common.contracts import public_data as public
from common.contracts.public_events import CATALOGUE
from common.contracts.servers import PublishedPort
from gateway.domain.announcements import OF_SERVER, OF_STATE, OF_TEMPLATE
from gateway.domain.endpoint import Endpoint
from gateway.domain.kind import Kind
from gateway.domain.phase import Phase
from gateway.domain.publicity import PING, Notice
from gateway.domain.transitions import State

HOST: Final = "games.example"
PORT: Final = PublishedPort(name="game", protocol="tcp", guest_port=25565, public_port=30001)
ERROR: Final = public.Error(
    code="step_failed",
    step="playbook",
    detail="The game could not be installed: the disk is full.",
    remedy="Choose a larger plan, then try again.",
)

_STATES: Final[Mapping[str, State]] = {name: state for state, name in OF_STATE.items()}
_PHASES: Final[Mapping[str, Phase]] = {
    name: phase for names in (OF_SERVER, OF_TEMPLATE) for phase, name in names.items()
}
# What is going on where a phase is entered; else it is a deployment.
_KINDS: Final[Mapping[str, Kind]] = {
    "server.starting": Kind.START,
    "server.stopping": Kind.STOP,
    "server.stopped": Kind.STOP,
    "server.restarting": Kind.RESTART,
    "server.changing": Kind.RESIZE,
    "server.deleting": Kind.DELETE,
    "server.deleted": Kind.DELETE,
    "server.removal_blocked": Kind.DELETE,
    "template.ready": Kind.BAKE,
    "template.deleted": Kind.DELETE,
}
_FAILED: Final = frozenset(
    {"operation.failing", "operation.failed", "server.failed", "server.removal_blocked"}
)
_ENDED: Final = frozenset({State.SUCCEEDED, State.FAILED, State.CANCELLED})


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """What all parts of one example have in common. ``key``: tells this endpoint's from others'."""

    type: str
    key: str
    endpoint: Endpoint
    at: datetime

    @property
    def server_id(self) -> str:
        """Return the id of a server that there is not."""
        return f"srv_{self.key}"

    @property
    def is_of_server(self) -> bool:
        """Tell whether it is about a server or template."""
        return not self.type.startswith("webhook.")


def ping(endpoint: Endpoint, *, at: datetime) -> Notice:
    """Return the event that says that events arrive."""
    return example(PING, endpoint=endpoint, at=at)


def example(type: str, *, endpoint: Endpoint, at: datetime) -> Notice:
    """Return an event of a type of the catalogue that did not happen, for this endpoint alone.

    Its server's id is the endpoint's with another prefix, so that its numbers have no gaps either.
    """
    setting = Setting(type=type, key=endpoint.id.partition("_")[2], endpoint=endpoint, at=at)
    kind, _ = CATALOGUE[type]
    return Notice(
        type=type,
        subject_id=setting.server_id if setting.is_of_server else endpoint.id,
        owner_id=endpoint.owner_id or "",
        time=at,
        data=kind(**_PARTS[kind](setting)),
        only_for=endpoint.id,
    )


def _server(setting: Setting) -> dict[str, Any]:
    collection = "templates" if setting.type.startswith("template.") else "servers"
    return {
        "server": public.Reference(
            id=setting.server_id, name="example", game="minecraft", labels={"env": "test"}
        ),
        "links": public.Links(
            server=f"/v1/{collection}/{setting.server_id}",
            operation=f"/v1/operations/op_{setting.key}",
        ),
    }


def _operation(setting: Setting) -> dict[str, Any]:
    state = _STATES.get(setting.type, State.RUNNING)
    if setting.type == "operation.accepted":
        state = State.QUEUED
    operation = public.OperationReference(
        id=f"op_{setting.key}",
        kind=_KINDS.get(setting.type, Kind.DEPLOY),
        state=state,
        progress=1.0 if state in _ENDED else 0.0 if state is State.QUEUED else 0.5,
        created_by=setting.endpoint.owner_id or f"usr_{setting.key}",
    )
    error = ERROR if setting.type in _FAILED else None
    return {**_server(setting), "operation": operation, "error": error}


def _step(setting: Setting) -> dict[str, Any]:
    step = public.StepReference(name="playbook", state="running", attempt=1)
    return {**_operation(setting), "step": step}


def _phase(setting: Setting) -> dict[str, Any]:
    former = Phase.DELETING if setting.type.endswith(".deleted") else Phase.RUNNING
    return {**_operation(setting), "phase": _PHASES[setting.type], "former_phase": former}


def _ready(setting: Setting) -> dict[str, Any]:
    return {
        **_phase(setting),
        "former_phase": Phase.PROVISIONING,
        "host": HOST,
        "connect": f"{HOST}:{PORT.public_port}",
        "ports": (PORT,),
        "versions": {"game": "1.21.8"},
    }


def _players(setting: Setting) -> dict[str, Any]:
    links = public.Links(server=f"/v1/servers/{setting.server_id}")
    return {**_server(setting), "links": links, "players": 3, "max_players": 20}


def _webhook(setting: Setting) -> dict[str, Any]:
    endpoint = setting.endpoint
    return {
        "webhook": public.EndpointReference(id=endpoint.id, name=endpoint.name),
        "links": public.Links(webhook=f"/v1/webhooks/{endpoint.id}"),
    }


def _health(setting: Setting) -> dict[str, Any]:
    if setting.type == "webhook.endpoint_recovered":
        return _webhook(setting)
    since = setting.at - timedelta(hours=60)
    return {**_webhook(setting), "failing_since": since, "reason": "The answer was 503."}


def _delivery(setting: Setting) -> dict[str, Any]:
    event = {"event_id": f"evt_{setting.key}", "event_type": "server.ready", "attempts": 8}
    return {**_health(setting), **event}


_PARTS: Final[Mapping[type[BaseModel], Callable[[Setting], dict[str, Any]]]] = {
    public.OperationData: _operation,
    public.StepData: _step,
    public.PhaseData: _phase,
    public.ReadyData: _ready,
    public.PlayersData: _players,
    public.PingData: _webhook,
    public.EndpointData: _health,
    public.DeliveryData: _delivery,
}
