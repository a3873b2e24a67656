"""What a guest says over SSH is heard within bounds: it may be anybody's by now."""

from pathlib import Path

import pytest

from provisioner.adapters import ssh_client
from provisioner.adapters.ssh import SshGuests
from provisioner.domain.errors import NotYet
from provisioner.domain.inventory import Target
from tests.fakes.provisioner import HOST_KEY


@pytest.fixture
def target(tmp_path: Path) -> Target:
    return Target(host="guest.example", port=22, user="yard", key_file=tmp_path / "id")


@pytest.fixture
def says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Put a program in the place of SSH's client."""
    program = tmp_path / "ssh"

    def script(text: str) -> None:
        program.write_text(f"#!/bin/sh\n{text}\n")
        program.chmod(0o700)

    monkeypatch.setattr(ssh_client, "SYSTEM_PATH", f"{tmp_path}:{ssh_client.SYSTEM_PATH}")
    return script


async def test_of_an_endless_answer_the_beginning_is_kept(
    says, target: Target, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(ssh_client, "OUTPUT_LIMIT", 100_000)
    says("head -c 5000000 /dev/zero | tr '\\0' x; head -c 5000000 /dev/zero >&2")

    lines = await SshGuests().console(target, (HOST_KEY,), unit="pong", file=None)

    assert [len(line) for line in lines] == [100_000]


async def test_one_that_does_not_end_is_no_answer(
    says, target: Target, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(ssh_client, "LOGIN_PATIENCE", 0.5)
    says("exec cat /dev/zero")

    with pytest.raises(NotYet, match="no answer"):
        await SshGuests().console(target, (HOST_KEY,), unit="pong", file=None)


async def test_the_last_of_what_went_wrong_is_told(says, target: Target):
    says("echo first >&2; echo 'the journal is closed' >&2; exit 3")

    with pytest.raises(NotYet, match=r"^the journal is closed$"):
        await SshGuests().console(target, (HOST_KEY,), unit="pong", file=None)
