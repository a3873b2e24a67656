"""What the API answers about the hypervisor."""

from typing import Literal

from pydantic import JsonValue

from yard_cli.client.models import Answer


class Finding(Answer, frozen=True):
    """One thing the doctor looked at, and what repairs it."""

    code: str
    level: Literal["ok", "warning", "error"]
    title: str
    detail: str = ""
    command: str | None = None


class Diagnosis(Answer, frozen=True):
    """What the doctor found."""

    healthy: bool
    version: str | None = None
    findings: tuple[Finding, ...] = ()


class HypervisorSettings(Answer, frozen=True):
    """The settings in force, and where they come from."""

    source: str
    revision: int = 0
    settings: dict[str, JsonValue] | None = None


class StoredSettings(HypervisorSettings, frozen=True):
    """The settings as stored now, and what their test found."""

    diagnosis: Diagnosis | None = None
