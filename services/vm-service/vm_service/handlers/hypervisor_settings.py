"""The hypervisor's settings: told, tested, stored, and followed by every copy of the service."""

import asyncio
import logging
from typing import Final

from common.contracts.hypervisor import (
    SECRET_PLACE,
    ClusterSettings,
    Diagnosis,
    HypervisorSettings,
    SettingsInForce,
    SettingsPut,
    SettingsTest,
)
from common.security.sealing import CannotOpen
from vm_service.desk import Desk, Stored
from vm_service.domain.settings_in_force import (
    CHANGED,
    NOT_SET,
    REFUSED,
    SEALING_OFF,
    InForce,
    SettingsRefused,
    candidate,
    require_healthy,
)

log = logging.getLogger(__name__)

EVERY: Final = 2.0  # seconds until a copy notices what another one has stored
KEY_NEEDED: Final = (
    "set SPAWNYARD_HYPERVISOR_KEY_FILE, the same file for gateway and vm-service, and restart them"
)


async def refresh(desk: Desk) -> None:
    """Use what is stored, or what the environment says; nothing happens if it is in use."""
    in_force = desk.live.in_force
    stored = await desk.store.find()
    if desk.live.in_force is not in_force:
        return  # exchanged while we looked: what we have found may be older
    if stored is None:
        wanted = _of_environment(desk)
    elif in_force.source == "stored" and in_force.revision == stored.revision:
        return
    else:
        wanted = _opened(stored, desk)
    if wanted != in_force:
        desk.live.use(wanted)


async def keep_following(desk: Desk, *, every: float = EVERY) -> None:
    """Follow for ever what any copy stores."""
    while True:
        await asyncio.sleep(every)
        try:
            await refresh(desk)
        except ConnectionError as error:  # the database is away for a while
            log.warning("settings cannot be looked at", extra={"error": repr(error)})


async def get(desk: Desk) -> SettingsInForce:
    """Return what counts now, without the secret."""
    await refresh(desk)
    return _told(desk.live.in_force)


async def test(asked: SettingsTest, desk: Desk) -> Diagnosis:
    """Try settings out; without a wish, those in force."""
    if asked.wish is None:
        return await examine(desk)
    await refresh(desk)
    secret = _open(asked.wish.token_secret, desk) if asked.wish.token_secret else None
    wanted = candidate(asked.wish, secret=secret, now=desk.live.in_force.settings)
    return await desk.examine(wanted, await desk.store.holdings())


async def examine(desk: Desk) -> Diagnosis:
    """Have the doctor look at the hypervisor in use."""
    await refresh(desk)
    in_force = desk.live.in_force
    if in_force.settings is None:
        lost = in_force.source == "stored"
        raise SettingsRefused(
            NOT_SET,
            "the stored secret does not open under our key" if lost else "there are no settings",
            "./yard settings hypervisor set --file FILE",
        )
    return await desk.examine(in_force.settings, await desk.store.holdings())


async def put(asked: SettingsPut, desk: Desk) -> SettingsInForce:
    """Test settings, store them, and use them at once."""
    await refresh(desk)
    before = desk.live.in_force
    secret = _open(asked.wish.token_secret, desk) if asked.wish.token_secret else None
    wanted = candidate(asked.wish, secret=secret, now=before.settings)
    diagnosis = await desk.examine(wanted, await desk.store.holdings())
    if not asked.force:
        require_healthy(diagnosis)
    if before.source != "stored" or before.settings != wanted:
        revision = await desk.store.save(_sealed(wanted, desk), over=before.revision)
        if revision is None:
            raise SettingsRefused(
                CHANGED,
                "somebody else has stored other settings meanwhile",
                "look at them, then send yours again",
            )
        desk.live.use(InForce(source="stored", revision=revision, settings=wanted))
    return _told(desk.live.in_force).model_copy(update={"diagnosis": diagnosis})


def _told(in_force: InForce) -> SettingsInForce:
    return SettingsInForce(
        source=in_force.source, revision=in_force.revision, settings=in_force.cluster
    )


def _of_environment(desk: Desk) -> InForce:
    if desk.environment is None:
        return InForce(source="none")
    return InForce(source="environment", settings=desk.environment)


def _opened(stored: Stored, desk: Desk) -> InForce:
    """Return what is stored, ready for use; unusable if its secret was sealed by another key."""
    try:
        secret = _open(stored.settings.token_secret, desk)
    except SettingsRefused as refused:
        log.exception("the stored settings cannot be used", extra={"remedy": refused.remedy})
        fields = stored.settings.model_dump(exclude={"token_secret"})
        shown = ClusterSettings.model_validate(fields)
        return InForce(source="stored", revision=stored.revision, shown=shown)
    settings = stored.settings.model_copy(update={"token_secret": secret})
    return InForce(source="stored", revision=stored.revision, settings=settings)


def _open(envelope: str, desk: Desk) -> str:
    if desk.seals is None:
        raise SettingsRefused(SEALING_OFF, "the vm-service has no sealing key", KEY_NEEDED)
    owner, pointer = SECRET_PLACE
    try:
        return desk.seals.open(envelope, server_id=owner, pointer=pointer).decode()
    except CannotOpen as error:
        raise SettingsRefused(
            REFUSED,
            f"the secret's envelope does not open: {error}",
            "give gateway and vm-service the same SPAWNYARD_HYPERVISOR_KEY_FILE, then send "
            "token_secret again",
            pointer="/token_secret",
        ) from error


def _sealed(settings: HypervisorSettings, desk: Desk) -> HypervisorSettings:
    if desk.seals is None:
        raise SettingsRefused(SEALING_OFF, "the vm-service has no sealing key", KEY_NEEDED)
    owner, pointer = SECRET_PLACE
    envelope = desk.seals.seal(settings.token_secret.encode(), server_id=owner, pointer=pointer)
    return settings.model_copy(update={"token_secret": envelope})
