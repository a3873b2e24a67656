"""What the environment may say about real guests."""

from typing import Literal

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict


class QemuSettings(BaseSettings):
    """Each variable is prefixed ``LAB_``."""

    model_config = SettingsConfigDict(env_prefix="LAB_", extra="ignore")

    accel: Literal["", "kvm", "tcg"] = Field(
        default="", description="Accelerator for real guests; empty: find out by a probe"
    )
    golden: bool = Field(
        default=True,
        description="Resume new real guests from a saved boot, where there is no KVM",
    )
    apt_source: str = Field(
        default="",
        description="The one apt source of real guests, with {gateway} for this machine: "
        "deb [trusted=yes] http://{gateway}:PORT ./ (empty: their template's)",
    )
    boots: int = Field(default=2, ge=1, description="How many real guests boot at the same time")
