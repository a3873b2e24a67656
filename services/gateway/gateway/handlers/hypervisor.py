"""What the gateway does when an administrator looks at the hypervisor's settings or sets them.

The vm-service keeps the settings. The gateway sees to it that who asks may ask, and that the
token's secret is sealed before anybody else has seen it.
"""

from dataclasses import dataclass
from typing import Final

from common.contracts.hypervisor import (
    SECRET_PLACE,
    ClusterSettings,
    Diagnosis,
    HypervisorWish,
    SettingsInForce,
    SettingsPut,
    SettingsTest,
)
from gateway.domain.administration import AdminOnly, SealingOff
from gateway.domain.user import Role, User
from gateway.ports.questions import Questions
from gateway.ports.seals import Seals

SHORT: Final = 5.0
# All of a cluster is looked at, and it may be slow; the vm-service itself gives up before.
LONG: Final = 75.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """Settings as they were sent. No ``secret``: the one in force is to stay."""

    settings: ClusterSettings
    secret: str | None


def check_admin(user: User) -> None:
    """Raise ``AdminOnly`` unless the user is an administrator."""
    if user.role is not Role.ADMIN:
        raise AdminOnly("Your user is not an administrator.", remedy="Ask one, or log in as one.")


async def settings_in_force(*, questions: Questions) -> SettingsInForce:
    """Return the settings that count now."""
    return SettingsInForce.model_validate_json(
        await questions.ask("hypervisor.get", b"", timeout=SHORT)
    )


async def put_settings(
    wanted: Wanted, *, force: bool, questions: Questions, seals: Seals | None
) -> SettingsInForce:
    """Have settings stored once they pass their test; ``force`` stores them anyway."""
    asked = SettingsPut(wish=_wish(wanted, seals), force=force)
    body = asked.model_dump_json().encode()
    return SettingsInForce.model_validate_json(
        await questions.ask("hypervisor.put", body, timeout=LONG)
    )


async def try_settings(
    wanted: Wanted | None, *, questions: Questions, seals: Seals | None
) -> Diagnosis:
    """Have settings tried out; without any, those in force."""
    asked = SettingsTest(wish=_wish(wanted, seals) if wanted else None)
    body = asked.model_dump_json().encode()
    return Diagnosis.model_validate_json(await questions.ask("hypervisor.test", body, timeout=LONG))


async def diagnosis(*, questions: Questions) -> Diagnosis:
    """Have the doctor look at the hypervisor in use."""
    return Diagnosis.model_validate_json(
        await questions.ask("hypervisor.doctor", b"", timeout=LONG)
    )


def _wish(wanted: Wanted, seals: Seals | None) -> HypervisorWish:
    sealed = _sealed(wanted.secret, seals) if wanted.secret is not None else None
    return HypervisorWish(**dict(wanted.settings), token_secret=sealed)


def _sealed(secret: str, seals: Seals | None) -> str:
    if seals is None:
        raise SealingOff(
            "The gateway has no key to seal the token's secret with.",
            remedy="Set SPAWNYARD_HYPERVISOR_KEY_FILE, the same file for gateway and vm-service.",
        )
    owner, pointer = SECRET_PLACE
    return seals.seal(secret.encode(), server_id=owner, pointer=pointer)
