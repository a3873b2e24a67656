"""Whom the client takes for Proxmox. Nobody else ever hears the token's secret."""

from collections.abc import AsyncIterator
from contextlib import closing
from pathlib import Path

import pytest

from tests.integration.vm_service.answering import Answering
from vm_service.adapters.proxmox.client import Client
from vm_service.domain.trouble import Trouble, Verdict

pytestmark = pytest.mark.integration


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[Answering]:
    async with Answering(tmp_path / "one").listening() as server:
        yield server


async def refused(client: Client) -> Trouble:
    with pytest.raises(Trouble) as trouble:
        await client.post("nodes/pve/qemu/101/status/start")
    return trouble.value


async def test_a_pinned_certificate_needs_no_ca(server: Answering):
    with closing(Client(server.access(fingerprint=server.fingerprint))) as client:
        assert await client.get("version") == "fine"


async def test_a_fingerprint_may_be_written_small(server: Answering):
    with closing(Client(server.access(fingerprint=server.fingerprint.lower()))) as client:
        assert await client.get("version") == "fine"


async def test_a_ca_may_be_told_as_text(server: Answering):
    pem = (server.directory / "ca.pem").read_text()
    with closing(Client(server.access(ca_pem=pem))) as client:
        assert await client.get("version") == "fine"


@pytest.mark.parametrize("with_pin", [False, True])
async def test_f32_a_stranger_hears_nothing(server: Answering, tmp_path: Path, with_pin: bool):
    other = Answering(tmp_path / "two")
    trust = (
        {"fingerprint": other.fingerprint} if with_pin else {"ca_file": other.directory / "ca.pem"}
    )
    with closing(Client(server.access(**trust))) as client:
        trouble = await refused(client)

    assert server.asked == []
    assert trouble.verdict is Verdict.REFUSED
    assert "certificate" in trouble.text
    assert "SPAWNYARD_PROXMOX_FINGERPRINT" in (trouble.remedy or "")


async def test_without_pin_and_ca_a_certificate_nobody_knows_is_not_trusted(server: Answering):
    with closing(Client(server.access(ca_file=None))) as client:
        trouble = await refused(client)

    assert (server.asked, trouble.verdict) == ([], Verdict.REFUSED)


async def test_f32_a_certificate_that_changes_on_the_way_ends_the_work_and_hears_nothing(
    tmp_path: Path,
):
    before, after = Answering(tmp_path / "one"), Answering(tmp_path / "two")
    async with before.listening():
        client = Client(before.access(fingerprint=before.fingerprint))
        await client.get("version")
    with closing(client):
        async with after.listening(port=before.port):
            trouble = await refused(client)

    assert (len(before.asked), after.asked) == (1, [])
    assert trouble.verdict is Verdict.REFUSED
    assert "another certificate than the one that is pinned" in trouble.text


async def test_one_wrong_byte_in_the_pin_is_another_certificate(server: Answering):
    wrong = server.fingerprint[:-2] + ("00" if not server.fingerprint.endswith("00") else "01")
    with closing(Client(server.access(fingerprint=wrong))) as client:
        await refused(client)

    assert server.asked == []
