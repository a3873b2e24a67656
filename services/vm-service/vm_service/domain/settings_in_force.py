"""Which settings of the hypervisor count, and which ones may take their place."""

from dataclasses import dataclass
from typing import Final, Literal

from common.contracts.hypervisor import (
    ClusterSettings,
    Diagnosis,
    Finding,
    HypervisorSettings,
    HypervisorWish,
)
from vm_service.domain.network import AddressBook, VmidRange
from vm_service.domain.trouble import Trouble, Verdict

CHANGED: Final = "hypervisor_settings_changed"
NOT_SET: Final = "hypervisor_not_set"
REFUSED: Final = "hypervisor_settings_refused"
SEALING_OFF: Final = "sealing_off"


class SettingsRefused(Exception):
    """Settings are not taken, or there are none. ``pointer`` names the one at fault."""

    def __init__(
        self, code: str, detail: str, remedy: str | None = None, *, pointer: str | None = None
    ) -> None:
        super().__init__(detail)
        self.code = code
        self.detail = detail
        self.remedy = remedy
        self.pointer = pointer


@dataclass(frozen=True, slots=True, kw_only=True)
class InForce:
    """What counts now. The secret in ``settings`` is open; it leaves this process to nobody."""

    source: Literal["stored", "environment", "none"]
    revision: int = 0
    settings: HypervisorSettings | None = None
    shown: ClusterSettings | None = None  # what is stored, if its secret could not be opened

    @property
    def lack(self) -> Trouble:
        """Return what there is to say while nothing counts; a key may come back."""
        if self.source == "stored":
            return Trouble(
                Verdict.UNKNOWN,
                "the stored settings of the hypervisor cannot be opened",
                "give gateway and vm-service the SPAWNYARD_HYPERVISOR_KEY_FILE they had before",
            )
        return Trouble(
            Verdict.REFUSED,
            "no hypervisor is set up",
            "an administrator sets one: ./yard settings hypervisor set --file FILE",
        )

    @property
    def vmids(self) -> VmidRange:
        """Return the VM ids that may be given out."""
        if self.settings is None:
            return VmidRange(first=1, last=0)
        return VmidRange(first=self.settings.vmid_first, last=self.settings.vmid_last)

    @property
    def ids(self) -> range:
        """Return the same ids, to be looked through."""
        return range(self.vmids.first, self.vmids.last + 1)

    @property
    def addresses(self) -> AddressBook:
        """Return the addresses that may be given out."""
        return AddressBook(self.settings.networks if self.settings else ())

    @property
    def cluster(self) -> ClusterSettings | None:
        """Return all that may be shown."""
        if self.settings is None:
            return self.shown
        return ClusterSettings.model_validate(self.settings.model_dump(exclude={"token_secret"}))


def candidate(
    wish: HypervisorWish, *, secret: str | None, now: HypervisorSettings | None
) -> HypervisorSettings:
    """Return the settings wished for. The secret in force is kept for the same token only.

    Anybody who could move it to another address could have it sent to them.
    """
    fields = wish.model_dump()
    if secret is None:
        if now is None:
            raise SettingsRefused(
                REFUSED,
                "there is no secret of this token yet",
                "send token_secret",
                pointer="/token_secret",
            )
        for name in ("url", "token_id"):
            if fields[name] != getattr(now, name):
                raise SettingsRefused(
                    REFUSED,
                    f"{name} differs from the one in force, so the secret has to come with it",
                    f"send token_secret, or leave {name} as it is",
                    pointer="/token_secret",
                )
        secret = now.token_secret
    return HypervisorSettings.model_validate({**fields, "token_secret": secret})


def require_healthy(diagnosis: Diagnosis) -> None:
    """Raise for the first thing that would keep deployments from succeeding."""
    worst: Finding | None = next((f for f in diagnosis.findings if f.level == "error"), None)
    if worst is None:
        return
    text = f"{worst.title}: {worst.detail}" if worst.detail else worst.title
    raise SettingsRefused(REFUSED, text, worst.command, pointer=worst.pointer)
