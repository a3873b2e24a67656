"""The hypervisor's settings: tested, sealed, stored once, followed by all copies, even at work."""

import asyncio
import json
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from common.contracts.events import VMReady
from common.contracts.hypervisor import (
    SECRET_PLACE,
    HypervisorSettings,
    HypervisorWish,
    SettingsPut,
    SettingsTest,
)
from common.messaging.ask import AnswerRefused, Refusal
from common.security.sealing import new_key_line
from proxmox_lab.site.people import hashed
from tests.integration.vm_service.conftest import Service, Site, service_of
from vm_service.api.questions import hypervisor_answers
from vm_service.desk import Desk, Store, Stored
from vm_service.domain.doctor.chart import Holdings
from vm_service.domain.settings_in_force import InForce
from vm_service.handlers import hypervisor_settings
from vm_service.main import live_hypervisor, settings_desk
from vm_service.settings import Settings

pytestmark = [pytest.mark.integration, pytest.mark.timeout(240)]

CANARY = "canary-91d7-secret"


def key_file(folder: Path, name: str = "hypervisor.key") -> Path:
    file = folder / name
    file.touch(mode=0o600)
    file.write_text(new_key_line())
    return file


@dataclass
class Office:
    """A copy of the service, and what is asked of it."""

    site: Site
    settings: Settings
    service: Service
    desk: Desk

    @property
    def in_force(self) -> InForce:
        return self.service.hypervisor.in_force

    def fields(self) -> dict[str, Any]:
        """Return the settings of the environment, with the secret of the lab's token."""
        told = self.desk.environment
        assert told is not None
        return told.model_dump() | {"token_secret": self.sealed(told.token_secret)}

    def sealed(self, secret: str) -> str:
        assert self.desk.seals is not None
        owner, pointer = SECRET_PLACE
        return self.desk.seals.seal(secret.encode(), server_id=owner, pointer=pointer)

    async def ask(self, question: str, body: bytes = b"") -> dict[str, Any]:
        return json.loads(await hypervisor_answers(self.desk)[question](body))

    async def put(self, *, force: bool = False, **changed: Any) -> dict[str, Any]:
        wish = HypervisorWish.model_validate(self.fields() | changed)
        body = SettingsPut(wish=wish, force=force).model_dump_json().encode()
        return await self.ask("hypervisor.put", body)

    async def refused(self, **changed: Any) -> Refusal:
        with pytest.raises(AnswerRefused) as refused:
            await self.put(**changed)
        return refused.value.refusal

    async def rows(self) -> list[Mapping[str, Any]]:
        async with self.service.sessions() as session:
            found = await session.execute(text("SELECT * FROM hypervisor_settings"))
            return [row._asdict() for row in found]


@asynccontextmanager
async def office_of(site: Site, settings: Settings) -> AsyncGenerator[Office]:
    async with service_of(settings) as service:
        desk = settings_desk(settings, service.sessions, service.hypervisor)
        await hypervisor_settings.refresh(desk)
        yield Office(site, settings, service, desk)


@pytest.fixture
async def office(site: Site, tmp_path: Path) -> AsyncIterator[Office]:
    settings = site.settings.model_copy(update={"hypervisor_key_file": key_file(tmp_path)})
    async with office_of(site, settings) as office:
        yield office


async def test_until_something_is_stored_the_environment_counts(office: Office):
    found = await office.ask("hypervisor.get")

    assert (found["source"], found["revision"]) == ("environment", 0)
    assert found["settings"]["url"] == str(office.settings.proxmox_url).rstrip("/")
    assert "token_secret" not in found["settings"]


async def test_what_is_put_is_stored_sealed_and_used_at_once(office: Office):
    stored = await office.put(vmid_first=905_000, vmid_last=905_099)
    await office.service.want()
    await office.service.go()

    assert (stored["source"], stored["revision"]) == ("stored", 1)
    assert all(finding["level"] != "error" for finding in stored["diagnosis"]["findings"])
    assert list(office.site.machines()) == [905_000]
    assert office.in_force.settings is not None
    secret = office.in_force.settings.token_secret
    (row,) = await office.rows()
    assert secret not in str(row)
    assert "sealed:v1:" in str(row["settings"])
    assert secret not in repr(office.in_force)


async def test_twice_is_once(office: Office):
    first = await office.put(pool="spawnyard")
    used = office.in_force
    again = await office.put(pool="spawnyard")

    assert (first["revision"], again["revision"]) == (1, 1)
    assert office.in_force is used
    assert len(await office.rows()) == 1


@pytest.mark.parametrize(
    ("changed", "pointer", "word"),
    [
        ({"token_id": "spawnyard@pve!other"}, "/token_secret", "refused the token"),
        ({"url": "https://127.0.0.1:1"}, "/url", "does not answer"),
        ({"ca_pem": None}, "/ca_pem", "not trusted"),
        ({"ca_pem": None, "fingerprint": ":".join(["AB"] * 32)}, "/fingerprint", "not trusted"),
        ({"pool": "nobodys"}, None, "Rights are missing on /pool/nobodys"),
        ({"templates": [9001]}, None, "/vms/9001"),
    ],
)
async def test_what_does_not_work_is_refused_by_its_field_and_changes_nothing(
    office: Office, changed: dict[str, Any], pointer: str | None, word: str
):
    before = office.in_force
    refusal = await office.refused(**changed)

    assert refusal.code == "hypervisor_settings_refused"
    assert refusal.pointer == pointer
    assert word in refusal.detail
    assert refusal.remedy
    assert await office.rows() == []
    assert office.in_force is before


async def test_a_wrong_secret_is_refused_and_told_to_nobody(office: Office):
    refusal = await office.refused(token_secret=office.sealed(CANARY))

    assert refusal.pointer == "/token_secret"
    assert CANARY not in refusal.model_dump_json()


async def test_force_stores_what_does_not_pass(office: Office):
    stored = await office.put(force=True, pool="nobodys")

    assert stored["revision"] == 1
    assert any(finding["level"] == "error" for finding in stored["diagnosis"]["findings"])


async def test_without_a_secret_the_one_in_force_stays(office: Office):
    await office.put(token_secret=None, vmid_first=901_000)
    await office.put(token_secret=None, vmid_first=902_000)

    assert office.in_force.revision == 2
    assert office.in_force.settings is not None
    assert office.desk.environment is not None
    assert office.in_force.settings.token_secret == office.desk.environment.token_secret


@pytest.mark.parametrize(
    "changed", [{"url": "https://elsewhere.test:8006"}, {"token_id": "spawnyard@pve!other"}]
)
async def test_the_secret_in_force_goes_to_no_other_address_or_token(
    office: Office, changed: dict[str, Any]
):
    refusal = await office.refused(token_secret=None, **changed)
    with pytest.raises(AnswerRefused):
        wish = HypervisorWish.model_validate(office.fields() | {"token_secret": None} | changed)
        await office.ask("hypervisor.test", SettingsTest(wish=wish).model_dump_json().encode())

    assert refusal.pointer == "/token_secret"
    assert next(iter(changed)) in refusal.detail


async def test_settings_are_tried_without_being_stored(office: Office):
    wish = HypervisorWish.model_validate(office.fields() | {"pool": "nobodys"})
    tried = await office.ask("hypervisor.test", SettingsTest(wish=wish).model_dump_json().encode())
    own = await office.ask("hypervisor.test", SettingsTest().model_dump_json().encode())
    doctor = await office.ask("hypervisor.doctor")

    assert any(finding["level"] == "error" for finding in tried["findings"])
    assert all(finding["level"] == "ok" for finding in own["findings"])
    assert doctor == own
    assert await office.rows() == []


async def test_another_copy_follows_within_seconds(office: Office):
    async with live_hypervisor(office.settings) as other:
        desk = settings_desk(office.settings, office.service.sessions, other)
        following = asyncio.create_task(hypervisor_settings.keep_following(desk, every=0.05))
        await office.put(vmid_first=903_000)
        async with asyncio.timeout(60):
            while other.in_force.revision != 1:
                await asyncio.sleep(0.02)
        following.cancel()
        await asyncio.gather(following, return_exceptions=True)

        assert other.in_force == office.in_force
        assert other.in_force.vmids.first == 903_000


class Late:
    """A store whose answers are as old as the question, by the time they come."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self.found, self.go = asyncio.Event(), asyncio.Event()

    async def find(self) -> Stored | None:
        found = await self._store.find()
        self.found.set()
        await self.go.wait()
        return found

    async def save(self, settings: HypervisorSettings, *, over: int) -> int | None:
        return await self._store.save(settings, over=over)

    async def holdings(self) -> Holdings:
        return await self._store.holdings()


@pytest.mark.parametrize("was_stored", [False, True])
async def test_a_look_begun_before_they_were_stored_does_not_bring_former_settings_back(
    office: Office, was_stored: bool
):
    if was_stored:
        await office.put(vmid_first=901_000)
    late = Late(office.desk.store)
    looking = asyncio.create_task(hypervisor_settings.refresh(replace(office.desk, store=late)))
    await late.found.wait()
    stored = await office.put(vmid_first=902_000)

    late.go.set()
    await looking

    assert office.in_force.revision == stored["revision"]
    assert office.in_force.vmids.first == 902_000


async def test_two_who_store_at_once_do_not_overwrite_each_other(office: Office):
    outcomes = await asyncio.gather(
        office.put(vmid_first=901_000), office.put(vmid_first=902_000), return_exceptions=True
    )

    stored = [one for one in outcomes if not isinstance(one, BaseException)]
    refused = [one for one in outcomes if isinstance(one, AnswerRefused)]
    assert (len(stored), len(refused)) == (1, 1)
    assert refused[0].refusal.code == "hypervisor_settings_changed"
    assert office.in_force.revision == 1


async def test_settings_stored_before_a_crash_count_after_it(site: Site, tmp_path: Path):
    settings = site.settings.model_copy(update={"hypervisor_key_file": key_file(tmp_path)})
    async with office_of(site, settings) as office:
        await office.put(vmid_first=904_000)
    async with office_of(site, settings) as office:
        assert office.in_force.source == "stored"
        assert office.in_force.vmids.first == 904_000


async def test_a_lost_key_is_told_and_healed_by_sending_the_secret_again(
    site: Site, tmp_path: Path
):
    first = site.settings.model_copy(update={"hypervisor_key_file": key_file(tmp_path)})
    async with office_of(site, first) as office:
        await office.put()
    other = key_file(tmp_path, "other.key")
    async with office_of(
        site, site.settings.model_copy(update={"hypervisor_key_file": other})
    ) as office:
        shown = await office.ask("hypervisor.get")
        with pytest.raises(AnswerRefused, match="does not open"):
            await office.ask("hypervisor.doctor")
        healed = await office.put()

    assert (shown["source"], shown["revision"]) == ("stored", 1)
    assert healed["revision"] == 2


async def test_without_any_settings_the_service_says_so(site: Site, tmp_path: Path):
    nothing = {"proxmox_url": None, "proxmox_token_id": None, "proxmox_token_secret": None}
    settings = site.settings.model_copy(
        update={**nothing, "hypervisor_key_file": key_file(tmp_path)}
    )
    async with office_of(site, settings) as office:
        with pytest.raises(AnswerRefused, match="no settings") as refused:
            await office.ask("hypervisor.doctor")
        await office.service.want()
        await office.service.go()
        lines = await office.service.lines()

    assert refused.value.refusal.code == "hypervisor_not_set"
    assert any("no hypervisor is set up" in line for line in lines)


async def test_without_a_key_nothing_is_stored(site: Site):
    async with service_of(site.settings) as service:
        desk = settings_desk(site.settings, service.sessions, service.hypervisor)
        assert desk.environment is not None
        fields = desk.environment.model_dump() | {"token_secret": None, "pool": "spawnyard"}
        body = SettingsPut(wish=HypervisorWish.model_validate(fields)).model_dump_json().encode()
        with pytest.raises(AnswerRefused) as refused:
            await hypervisor_answers(desk)["hypervisor.put"](body)

    assert refused.value.refusal.code == "sealing_off"


async def test_deployments_under_way_do_not_notice_that_settings_change(office: Office):
    names = [f"srv_{number}" for number in range(8)]
    for name in names:
        await office.service.want(name, "op_1")
    work = [asyncio.create_task(office.service.go(name)) for name in names]
    for first in (910_000, 920_000, 930_000):
        await office.put(vmid_first=first, token_secret=None)
        await asyncio.sleep(0.05)
    await asyncio.gather(*work)
    await office.service.want("srv_last", "op_1")
    await office.service.go("srv_last")

    assert len(await office.service.said(VMReady)) == 9
    assert len(office.site.machines()) == 9
    assert 930_000 <= max(office.site.machines()) < 930_009
    assert office.site.tasks("qmclone") == 9


async def test_a_secret_is_nowhere_in_the_database_file_or_the_log(
    office: Office, tmp_path: Path, caplog: pytest.LogCaptureFixture
):
    rules = office.site.lab.site.rules
    rules.users["spawnyard@pve"].tokens["yard"].secret_hash = hashed(CANARY)
    await office.put(token_secret=office.sealed(CANARY), pool="spawnyard")
    await office.service.want()
    await office.service.go()

    stores = [path for path in tmp_path.glob("test-*") if path.is_file()]
    assert all(CANARY.encode() not in path.read_bytes() for path in stores)
    assert CANARY not in caplog.text
    assert CANARY not in "".join(await office.service.lines())
    assert office.in_force.settings is not None
    assert office.in_force.settings.token_secret == CANARY
