"""Connecting a Proxmox from the command line: the script printed, the settings sent."""

import io
import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console
from typer.testing import CliRunner

from common.contracts.hypervisor import ClusterSettings
from common.contracts.networks import Network
from common.contracts.privileges import MACHINES
from yard_cli.client.hypervisor import Finding
from yard_cli.commands.settings import wish
from yard_cli.failure import Failure
from yard_cli.main import command_line
from yard_cli.proxmox_script import Choices, script
from yard_cli.show.findings import print_findings


def choices(**changed: Any) -> Choices:
    usual: dict[str, Any] = {
        "major": 9, "user": "spawnyard@pve", "token": "yard", "pool": "spawnyard",
        "template_id": 9000, "storage": "local-lvm",
        "network": Network.model_validate({"gateway": "10.77.0.1"}),
    }  # fmt: skip
    return Choices(**usual | changed)


@pytest.mark.parametrize(("major", "right"), [(8, "VM.Monitor"), (9, "VM.GuestAgent.FileRead")])
def test_the_role_has_the_rights_of_the_release(major: int, right: str):
    (line,) = [
        line for line in script(choices(major=major)).splitlines() if "role add YardVM" in line
    ]

    assert right in line
    assert all(name in line for name in MACHINES.needed)
    assert ("VM.Monitor" in line) is (major == 8)


def test_the_script_is_one_a_shell_can_read():
    checked = subprocess.run(
        ["bash", "-n"],
        input=script(choices(user="o'neill@pve")).encode(),
        check=False,
    )

    assert checked.returncode == 0


def test_what_it_says_to_hand_over_are_settings_that_are_taken():
    lines = script(choices(template_id=9100)).splitlines()
    begin, end = lines.index("#   {"), lines.index("#   }")
    told = "\n".join(line.removeprefix("#") for line in lines[begin : end + 1])

    settings = ClusterSettings.model_validate_json(told)
    assert settings.templates == (9100,)
    assert settings.token_id == "spawnyard@pve!yard"


def test_setup_alone_and_for_developers_keeps_working():
    for words in (["setup"], ["setup", "--dev"]):
        done = CliRunner().invoke(command_line(), words)
        assert done.exit_code == 0
        assert "environment is ready" in done.output


def test_setup_proxmox_prints_the_script_and_names_a_wrong_option():
    done = CliRunner().invoke(command_line(), ["setup", "proxmox", "--bridge", "vmbr7"])
    assert done.output.count("vmbr7") >= 3

    refused = CliRunner().invoke(command_line(), ["setup", "proxmox", "--subnet", "10.1.0.0/16"])
    assert isinstance(refused.exception, Failure)
    assert refused.exception.details == ("gateway: Value error, it is not in the subnet",)


@pytest.fixture
def written(tmp_path: Path) -> Callable[..., str]:
    def write(content: object, name: str = "settings.json") -> str:
        file = tmp_path / name
        file.write_text(content if isinstance(content, str) else json.dumps(content))
        return str(file)

    return write


def test_what_show_prints_can_be_sent_back(written: Callable[..., str]):
    shown = {"source": "stored", "revision": 3, "settings": {"url": "x", "token_secret": "set"}}

    assert wish(written(shown), None, None) == {"url": "x"}


def test_secret_and_ca_come_from_files_of_their_own(written: Callable[..., str]):
    secret, ca = written("geheim\n", "secret"), Path(written("PEM\n", "ca.pem"))

    assert wish(written({"url": "x"}), secret, ca) == {
        "url": "x", "token_secret": "geheim", "ca_pem": "PEM",
    }  # fmt: skip


def test_a_secret_in_the_settings_file_is_refused_and_not_repeated(written: Callable[..., str]):
    with pytest.raises(Failure) as refused:
        wish(written({"url": "x", "token_secret": "geheim"}), None, None)

    assert "geheim" not in f"{refused.value.reason}{refused.value.remedy}"


def test_a_file_that_is_no_object_is_refused(written: Callable[..., str]):
    with pytest.raises(Failure, match="not one JSON object"):
        wish(written("[]"), None, None)


def test_findings_show_a_mark_a_detail_and_the_command():
    sink = io.StringIO()
    found = [
        Finding(code="a", level="ok", title="Fine"),
        Finding(code="b", level="warning", title="Hm", detail="why"),
        Finding(code="c", level="error", title="Broken", command="qm set 1\x1b[31m"),
    ]

    print_findings(found, out=Console(file=sink, width=100))

    lines = sink.getvalue().splitlines()
    assert lines[:4] == ["✓ Fine", "! Hm", "    why", "✗ Broken"]
    assert lines[4].startswith("    qm set 1\N{REPLACEMENT CHARACTER}")
    assert lines[5] == "1 fine, 1 to look at, 1 wrong"
