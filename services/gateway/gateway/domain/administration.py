"""Refusals of what administrators ask: of settings, and of other services' answers."""

from gateway.domain.errors import Fault, Refused


class AdminOnly(Refused):
    """Somebody who is no administrator."""

    code = "admin_only"
    title = "This is for administrators"


class HypervisorSettingsRefused(Refused):
    """Settings of the hypervisor that do not hold together, or do not pass their test."""

    code = "hypervisor_settings_refused"
    title = "The hypervisor's settings are refused"


class HypervisorSettingsChanged(Refused):
    """Somebody else stored other settings while these were tested."""

    code = "hypervisor_settings_changed"
    title = "The hypervisor's settings have changed meanwhile"


class HypervisorNotSet(Refused):
    """No hypervisor is set up, and the question is about the one that is."""

    code = "hypervisor_not_set"
    title = "No hypervisor is set up"


class SealingOff(Refused):
    """A secret came, and there is no key to seal it with."""

    code = "sealing_off"
    title = "Secrets cannot be kept here yet"


class SweepBusy(Refused):
    """A sweep for orphans was asked for while another goes on."""

    code = "sweep_busy"
    title = "A sweep is under way"


class HypervisorTrouble(Refused):
    """The hypervisor did not answer, or refused."""

    code = "hypervisor_trouble"
    title = "The hypervisor does not do what it was asked for"


class AnswerFailed(Refused):
    """Another service of ours could not answer, through a fault of its own."""

    code = "answer_failed"
    title = "A service of ours failed to answer"


class ServiceAway(Refused):
    """Another service of ours is not there, or takes too long."""

    code = "service_away"
    title = "A service of ours does not answer"

    def __init__(self, detail: str, *, retry_after: int = 5) -> None:
        super().__init__(detail, remedy="See that it runs (yard status), then try again.")
        self.retry_after = retry_after


def fault_at(pointer: str | None, detail: str) -> tuple[Fault, ...]:
    """Return the fault a refusal names, if it names one."""
    return (Fault(pointer, detail),) if pointer else ()
