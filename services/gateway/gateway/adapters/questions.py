"""Questions to the vm-service over the bus; what it refuses becomes a refusal of ours."""

from collections.abc import Mapping
from typing import Final

from common.messaging.ask import AnswerRefused, NobodyAnswers, Refusal, ask
from common.messaging.connection import Bus
from gateway.domain.administration import (
    AnswerFailed,
    HypervisorNotSet,
    HypervisorSettingsChanged,
    HypervisorSettingsRefused,
    HypervisorTrouble,
    SealingOff,
    ServiceAway,
    SweepBusy,
    fault_at,
)
from gateway.domain.errors import Refused

SERVICE: Final = "vm-service"
# By the code of its refusal; what it does not mean to refuse is a fault of its own.
REFUSALS: Final[Mapping[str, type[Refused]]] = {
    kind.code: kind
    for kind in (
        HypervisorSettingsRefused,
        HypervisorSettingsChanged,
        HypervisorNotSet,
        HypervisorTrouble,
        SealingOff,
        SweepBusy,
    )
}


class BusQuestions:
    """Asks whichever copy of the vm-service is free."""

    def __init__(self, bus: Bus) -> None:
        self._bus = bus

    async def ask(self, question: str, body: bytes, *, timeout: float) -> bytes:
        """Return the answer. Raises ``ServiceAway``, or what the refusal means."""
        try:
            return await ask(self._bus, SERVICE, question, body, timeout=timeout)
        except NobodyAnswers as silence:
            raise ServiceAway(f"{silence}".capitalize() + ".") from silence
        except AnswerRefused as refused:
            raise refusal_of(refused.refusal) from refused


def refusal_of(said: Refusal) -> Refused:
    """Return what a service's refusal means to a client of ours."""
    kind = REFUSALS.get(said.code, AnswerFailed)
    faults = fault_at(said.pointer, said.detail)
    return kind(said.detail, remedy=said.remedy, faults=faults)
