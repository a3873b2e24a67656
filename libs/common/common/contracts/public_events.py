"""What Spawnyard tells the world: public events, in the form of CloudEvents 1.0.

One class is one type of event, a promise to people we do not know. Add optional fields freely. To
change or drop one, publish a new class whose ``type`` ends in the next version
(``server.ready.v2``), and keep the old class until nobody reads it. Payloads are thin: ids, names,
states, and links to the rest. Also what Standard Webhooks 1.0.0 asks of a body (``type``,
``timestamp``, ``data``).
"""

from collections.abc import Mapping
from typing import Any, Final, Generic, Literal, TypeVar

from pydantic import AwareDatetime, BaseModel, Field

from common.contracts.public_data import (
    DeliveryData,
    EndpointData,
    OperationData,
    PhaseData,
    PingData,
    PlayersData,
    ReadyData,
    StepData,
)

SEQUENCE_DIGITS: Final = 20  # of the extension "sequence", so that it sorts as text


D = TypeVar("D")


class PublicEvent(BaseModel, Generic[D], frozen=True):
    """The envelope: CloudEvents' attributes, and ``timestamp``, which Standard Webhooks asks for.

    ``sequence`` is CloudEvents' extension of that name; padded, it sorts as text.
    """

    specversion: Literal["1.0"] = Field(default="1.0", description="Of CloudEvents")
    id: str = Field(pattern=r"^evt_[0-9a-z]{26}$", description="The same wherever it is told")
    source: str = Field(description="Path of what it is about, below the gateway's address")
    type: str = Field(description="What happened")
    subject: str = Field(description="Id of what it is about")
    time: AwareDatetime = Field(description="When it happened")
    timestamp: AwareDatetime = Field(description="The same; for Standard Webhooks")
    datacontenttype: Literal["application/json"] = Field(
        default="application/json", description="Of `data`"
    )
    dataschema: str = Field(description="Path of the JSON Schema of this type")
    sequence: str = Field(
        pattern=r"^[0-9]{20}$",
        description="1, 2, 3 … without a gap for each `source`, padded with zeros",
    )
    data: D = Field(description="Depends on the type")
    example: Literal[True] | None = Field(
        default=None, description="This did not happen: somebody asked for an example"
    )


# Every type, what its data is, and what it says. The order is that of a server's life.
CATALOGUE: Final[Mapping[str, tuple[type[BaseModel], str]]] = {
    "operation.accepted": (OperationData, "Somebody asked for something, and it will be done."),
    "operation.started": (OperationData, "Work on it has begun."),
    "operation.step_changed": (StepData, "A step of it began or ended."),
    "operation.failing": (OperationData, "It failed, and is being taken back."),
    "operation.cancelling": (OperationData, "It was called off, and is being taken back."),
    "operation.succeeded": (OperationData, "It is done."),
    "operation.failed": (OperationData, "It has failed; nothing more is done about it."),
    "operation.cancelled": (OperationData, "It was called off; nothing more is done about it."),
    "server.provisioning": (PhaseData, "Its VM runs; the game is being installed."),
    "server.ready": (ReadyData, "The game answers: people can play."),
    "server.starting": (PhaseData, "It is being started."),
    "server.stopping": (PhaseData, "It is being stopped; people can play no longer."),
    "server.stopped": (PhaseData, "Its VM is off."),
    "server.restarting": (PhaseData, "It is being restarted."),
    "server.changing": (PhaseData, "Its size, settings or version are being changed."),
    "server.failed": (PhaseData, "It is not as it should be; ``error`` says why."),
    "server.deleting": (PhaseData, "It is being removed."),
    "server.deleted": (PhaseData, "It is gone, its VM too."),
    "server.removal_blocked": (OperationData, "Its VM could not be removed; a person must help."),
    "server.players_changed": (PlayersData, "Other people play than before."),
    "template.ready": (PhaseData, "A template of a game is baked."),
    "template.deleted": (PhaseData, "A template is gone."),
    "webhook.ping": (PingData, "A test, asked for by a person."),
    "webhook.endpoint_failing": (
        EndpointData,
        "Deliveries have failed for long; it will be disabled.",
    ),
    "webhook.endpoint_disabled": (EndpointData, "Nothing is sent there any more."),
    "webhook.endpoint_recovered": (EndpointData, "Deliveries arrive again."),
    "webhook.delivery_exhausted": (DeliveryData, "One event did not arrive, however often tried."),
}


def version(type: str) -> str:
    """Return which version of itself a type is: ``v1`` unless it says another."""
    last = type.rpartition(".")[2]
    return last if last[:1] == "v" and last[1:].isdigit() else "v1"


def schema_path(type: str) -> str:
    """Return where the gateway shows the JSON Schema of a type."""
    return f"/v1/event-types/{type}/schema"


def schema(type: str, *, at: str = "#") -> Mapping[str, Any]:
    """Return the JSON Schema (2020-12) of a type, envelope and all; ``at``: within a document."""
    data, meaning = CATALOGUE[type]
    found = PublicEvent[data].model_json_schema(
        mode="serialization", ref_template=f"{at}/$defs/{{model}}"
    )
    found["$schema"] = "https://json-schema.org/draft/2020-12/schema"
    found["title"] = type
    found["description"] = meaning
    found["properties"]["type"] = {"const": type, "title": "Type", "type": "string"}
    return found
