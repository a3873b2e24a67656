"""A vm-service that is asked: it keeps hypervisor settings as the true one does."""

from dataclasses import dataclass, field

from common.contracts.hypervisor import (
    ClusterSettings,
    Diagnosis,
    Finding,
    HypervisorWish,
    SettingsInForce,
    SettingsPut,
    SettingsTest,
)
from common.contracts.orphans import SweepReport, SweepWish
from common.contracts.templates import ClonesAnswer, ClonesQuestion
from gateway.domain.errors import Refused

HEALTHY = Diagnosis(
    version="9.2.11", findings=(Finding(code="reachable", level="ok", title="Proxmox answers"),)
)


@dataclass
class FakeQuestions:
    """Answers in memory. ``refusal`` is raised instead of an answer, while it is set."""

    stored: HypervisorWish | None = None
    revision: int = 0
    refusal: Refused | None = None
    swept: SweepReport = field(default_factory=SweepReport)
    clones: tuple[str, ...] = ()
    asked: list[tuple[str, bytes]] = field(default_factory=list[tuple[str, bytes]])

    async def ask(self, question: str, body: bytes, *, timeout: float) -> bytes:
        self.asked.append((question, body))
        if self.refusal is not None:
            raise self.refusal
        return getattr(self, "_" + question.partition(".")[2])(body).model_dump_json().encode()

    def _list(self, body: bytes) -> SweepReport:
        assert body == b""
        return self.swept

    def _sweep(self, body: bytes) -> SweepReport:
        wish = SweepWish.model_validate_json(body)
        return self.swept.model_copy(update={"dry_run": wish.dry_run})

    def _clones(self, body: bytes) -> ClonesAnswer:
        ClonesQuestion.model_validate_json(body)
        return ClonesAnswer(servers=self.clones)

    def _get(self, body: bytes) -> SettingsInForce:
        assert body == b""
        return self._in_force()

    def _put(self, body: bytes) -> SettingsInForce:
        self.stored = SettingsPut.model_validate_json(body).wish
        self.revision += 1
        return self._in_force().model_copy(update={"diagnosis": HEALTHY})

    def _test(self, body: bytes) -> Diagnosis:
        SettingsTest.model_validate_json(body)
        return HEALTHY

    def _doctor(self, body: bytes) -> Diagnosis:
        assert body == b""
        return HEALTHY

    def _in_force(self) -> SettingsInForce:
        if self.stored is None:
            return SettingsInForce(source="none")
        fields = self.stored.model_dump(exclude={"token_secret"})
        return SettingsInForce(
            source="stored", revision=self.revision, settings=ClusterSettings(**fields)
        )
