"""``/v1/settings``: what administrators set. The token's secret goes in and never comes out."""

from typing import Annotated, Literal

from fastapi import APIRouter, Body, Depends, Query
from pydantic import BaseModel, Field, field_validator

from common.contracts.hypervisor import ClusterSettings, Diagnosis, Finding
from common.contracts.sealed import is_sealed
from gateway.api.dependencies import Gateway, only_admins
from gateway.handlers import hypervisor
from gateway.handlers.hypervisor import Wanted

router = APIRouter(
    prefix="/v1/settings/hypervisor", tags=["settings"], dependencies=[Depends(only_admins)]
)


class HypervisorSettingsWish(ClusterSettings, frozen=True):
    """The cluster, and the token's secret. Without a secret, the one in force stays.

    It stays only for the same address and token: it is not to be sent anywhere else.
    """

    token_secret: str | None = Field(
        default=None, min_length=1, max_length=256, pattern=r"^[!-~]+$", repr=False
    )

    @field_validator("token_secret")
    @classmethod
    def _not_sealed(cls, secret: str | None) -> str | None:
        if is_sealed(secret):
            raise ValueError("it must not begin like an envelope")
        return secret

    def wanted(self) -> Wanted:
        """Return settings and secret apart."""
        fields = dict(self)
        secret = fields.pop("token_secret")
        return Wanted(settings=ClusterSettings(**fields), secret=secret)


class HypervisorSettingsView(ClusterSettings, frozen=True):
    """The cluster. ``token_secret`` tells that there is one, and nothing of it."""

    token_secret: Literal["set"] = "set"  # noqa: S105  a word in its place


class DiagnosisView(BaseModel):
    """What the doctor found. ``healthy``: nothing would keep a deployment from succeeding."""

    healthy: bool
    version: str | None
    findings: tuple[Finding, ...]


class SettingsView(BaseModel):
    """The settings in force, and where they come from. ``revision`` counts what was stored."""

    source: Literal["stored", "environment", "none"]
    revision: int
    settings: HypervisorSettingsView | None


class StoredView(SettingsView):
    """The settings as they are stored now, and what their test found."""

    diagnosis: DiagnosisView | None


@router.get("")
async def get_settings(gateway: Gateway) -> SettingsView:
    """Return the hypervisor's settings that count now."""
    found = await hypervisor.settings_in_force(questions=gateway.questions)
    return SettingsView(
        source=found.source, revision=found.revision, settings=_settings(found.settings)
    )


@router.put("")
async def put_settings(
    body: HypervisorSettingsWish,
    gateway: Gateway,
    force: Annotated[bool, Query(description="Store them even if they do not pass")] = False,
) -> StoredView:
    """Test settings, store them if they pass, and use them from now on; nothing is restarted."""
    stored = await hypervisor.put_settings(
        body.wanted(), force=force, questions=gateway.questions, seals=gateway.hypervisor_seals
    )
    return StoredView(
        source=stored.source,
        revision=stored.revision,
        settings=_settings(stored.settings),
        diagnosis=_view(stored.diagnosis) if stored.diagnosis else None,
    )


@router.post("/test")
async def try_settings(
    gateway: Gateway, body: Annotated[HypervisorSettingsWish | None, Body()] = None
) -> DiagnosisView:
    """Try settings out without storing them; without a body, those that count now."""
    found = await hypervisor.try_settings(
        body.wanted() if body else None,
        questions=gateway.questions,
        seals=gateway.hypervisor_seals,
    )
    return _view(found)


@router.get("/doctor")
async def examine(gateway: Gateway) -> DiagnosisView:
    """Look at everything a deployment needs of the hypervisor; each finding names its repair."""
    return _view(await hypervisor.diagnosis(questions=gateway.questions))


def _settings(settings: ClusterSettings | None) -> HypervisorSettingsView | None:
    return HypervisorSettingsView(**dict(settings)) if settings else None


def _view(found: Diagnosis) -> DiagnosisView:
    return DiagnosisView(healthy=found.is_healthy, version=found.version, findings=found.findings)
