"""Ansible's modules on the model: what they change, what they refuse, and that twice is once."""

import base64
import io
import zipfile
from typing import Any

import pytest

from proxmox_lab.guests.simulated.modules.download_modules import on_loopback
from tests.unit.lab_guests.conftest import Bench

UNIT = "/etc/systemd/system/x.service"

IDEMPOTENT: list[tuple[str, dict[str, Any]]] = [
    ("apt", {"name": ["curl", "unzip"], "update_cache": True, "cache_valid_time": 3600}),
    ("file", {"path": "/srv/a/b", "state": "directory", "mode": "0750", "owner": "games"}),
    ("file", {"path": "/etc/link", "state": "link", "src": "hosts"}),
    ("file", {"path": "/etc/motd", "state": "absent"}),
    ("file", {"path": "/etc/issue", "mode": "u=rw,go="}),
    ("user", {"name": "luke", "groups": ["games"], "append": True, "shell": "/bin/bash"}),
    ("group", {"name": "pilots", "gid": 4242}),
    ("lineinfile", {"path": "/etc/hosts", "line": "10.0.0.1 mirror"}),
    ("lineinfile", {"path": "/etc/hosts", "regexp": "^127", "line": "127.0.0.1 here"}),
    ("lineinfile", {"path": "/etc/hosts", "regexp": "^::1", "state": "absent"}),
    ("blockinfile", {"path": "/etc/hosts", "block": "10.0.0.2 a\n10.0.0.3 b"}),
    ("replace", {"path": "/etc/hosts", "regexp": "localhost", "replace": "here"}),
    ("hostname", {"name": "arena"}),
    ("cron", {"name": "backup", "job": "/bin/true", "minute": "5", "cron_file": "yard"}),
    ("systemd_service", {"name": "ssh", "enabled": True, "state": "started"}),
]


@pytest.mark.parametrize(("name", "given"), IDEMPOTENT, ids=lambda value: str(value)[:40])
async def test_twice_is_once_and_a_check_changes_nothing(
    bench: Bench, name: str, given: dict[str, Any]
) -> None:
    before = dict(bench.machine.files.nodes)

    planned = await bench.module(name, check=True, **given)
    assert bench.machine.files.nodes == before
    first = await bench.module(name, **given)
    second = await bench.module(name, **given)

    assert not first.get("failed"), first
    assert planned["changed"] is True
    assert first["changed"] is True
    assert second["changed"] is False


async def test_apt_knows_nothing_before_it_has_fetched_its_lists(bench: Bench) -> None:
    refused = await bench.module("apt", name="curl")
    await bench.module("apt", update_cache=True)

    assert refused["msg"] == "No package matching 'curl' is available"
    assert (await bench.module("apt", name="curl"))["changed"]
    assert (await bench.sh("which curl")).out == b"/usr/bin/curl\n"


async def test_apt_refuses_a_package_nobody_made(bench: Bench) -> None:
    answer = await bench.module("apt", name=["curl", "curlz"], update_cache=True)

    assert answer["failed"]
    assert answer["msg"] == "No package matching 'curlz' is available"
    assert "curl" not in bench.machine.disk.packages


async def test_apt_wants_to_be_root(bench: Bench) -> None:
    answer = await bench.module("apt", user="www-data", name="curl", update_cache=True)

    assert "Permission denied" in answer["msg"]


async def test_a_package_brings_its_dependencies_and_leaves_without_them(bench: Bench) -> None:
    await bench.module("apt", name="default-jre-headless", update_cache=True)
    version = await bench.sh("java -version")
    await bench.module("apt", name="openjdk-21-jre-headless", state="absent")

    assert b'openjdk version "21.' in version.err
    assert "java-common" in bench.machine.disk.packages
    assert (await bench.sh("java -version")).code == 127


async def test_a_module_that_is_not_modelled_fails_loudly(bench: Bench) -> None:
    answer = await bench.module("iptables", chain="INPUT")

    assert answer["msg"] == "the simulated guest does not model the module iptables"


async def test_an_option_that_is_not_modelled_fails_loudly(bench: Bench) -> None:
    answer = await bench.module("apt", deb="/tmp/x.deb")

    expected = "the simulated guest does not model the option deb of the module apt"
    assert answer["msg"] == expected


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"path": "/x", "flavour": 1}, "Unsupported parameters for (file) module: flavour."),
        ({"state": "directory"}, "missing required arguments: path"),
        ({"path": "/x", "state": "gone"}, "value of state must be one of: absent, directory"),
        ({"path": "/x", "recurse": "perhaps"}, "unable to convert to bool"),
    ],
)
async def test_arguments_are_checked_as_the_real_module_checks_them(
    bench: Bench, given: dict[str, Any], said: str
) -> None:
    assert said in (await bench.module("file", **given))["msg"]


async def test_copy_leaves_no_trace_when_its_validation_fails(bench: Bench) -> None:
    await bench.sh("echo new > /tmp/new; echo old > /etc/x")

    answer = await bench.module(
        "copy", src="/tmp/new", dest="/etc/x", validate="grep -q old %s", mode="0600"
    )

    assert answer["msg"] == "failed to validate"
    assert bench.machine.files.read("/etc/x") == b"old\n"
    assert bench.machine.files.get("/etc/x").mode == 0o644


async def test_a_user_who_is_not_root_cannot_write_what_is_not_theirs(bench: Bench) -> None:
    await bench.sh("echo new > /tmp/new")

    answer = await bench.module("copy", user="www-data", src="/tmp/new", dest="/etc/x")

    assert "Permission denied" in answer["msg"]
    assert bench.machine.files.find("/etc/x") is None


async def test_unknown_owners_are_refused(bench: Bench) -> None:
    answer = await bench.module("file", path="/etc/motd", owner="nobody-knows")

    assert answer["msg"] == "chown failed: failed to look up user nobody-knows"


async def test_a_service_without_its_program_does_not_start(bench: Bench) -> None:
    await bench.sh(f"echo '[Service]\nExecStart=/opt/game' > {UNIT}")

    answer = await bench.module("systemd_service", name="x", state="started")

    assert answer["failed"]
    assert "Unable to start service x: Job for x.service failed" in answer["msg"]
    assert (await bench.sh("systemctl is-active x")).out == b"failed\n"
    assert b"/opt/game: No such file or directory" in (await bench.sh("journalctl -u x")).out


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("User=ghost", "ghost"),
        ("Group=ghost", "ghost"),
        ("WorkingDirectory=/nowhere", "/nowhere"),
        ("EnvironmentFile=/etc/nothing", "/etc/nothing"),
        ("ReadWritePaths=/nowhere", "/nowhere"),
        ("ExecStartPre=/usr/bin/false", "ended with 1"),
    ],
)
async def test_a_service_fails_when_its_surroundings_are_wrong(
    bench: Bench, line: str, said: str
) -> None:
    await bench.sh(f"echo '[Service]\n{line}\nExecStart=/usr/bin/sleep 1' > {UNIT}")

    await bench.sh("systemctl start x")

    assert said in (await bench.sh("journalctl --unit=x")).out.decode()
    assert (await bench.sh("systemctl is-failed x")).code == 0


async def test_a_changed_unit_is_not_seen_before_a_reload(bench: Bench) -> None:
    await bench.sh(f"echo '[Service]\nExecStart=/usr/bin/sleep 1' > {UNIT}; systemctl start x")
    await bench.sh(f"echo '[Service]\nExecStart=/opt/game' > {UNIT}")

    stale = await bench.module("systemd_service", name="x", state="restarted")
    reloaded = await bench.module(
        "systemd_service", name="x", state="restarted", daemon_reload=True
    )

    assert not stale.get("failed")
    assert stale["status"]["NeedDaemonReload"] == "yes"
    assert reloaded["failed"]


async def test_a_service_nobody_knows_is_not_found(bench: Bench) -> None:
    answer = await bench.module("systemd_service", name="ghost", state="started")

    assert answer["msg"] == "Could not find the requested service ghost: host"


async def test_commands_tell_what_came_of_them(bench: Bench) -> None:
    good = await bench.module("command", _raw_params="uname -m", _uses_shell=False)
    bad = await bench.module("command", _raw_params="ls /nowhere", _uses_shell=False)
    skipped = await bench.module("command", _raw_params="false", creates="/etc/hosts")

    assert (good["stdout"], good["changed"]) == ("x86_64", True)
    assert (bad["rc"], bad["msg"]) == (1, "non-zero return code")
    assert "No such file or directory" in bad["stderr"]
    assert (skipped["changed"], skipped["rc"]) == (False, 0)


async def test_an_archive_needs_its_tool_and_is_unpacked_once(bench: Bench) -> None:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("game/readme", "hello")
        archive.writestr("../outside", "evil")
    packed = base64.b64encode(buffer.getvalue()).decode()
    bench.machine.files.write("/tmp/g.zip", base64.b64decode(packed), template=_file(bench))
    call: dict[str, Any] = {"src": "/tmp/g.zip", "dest": "/srv", "remote_src": True}

    without_tool = await bench.module("unarchive", **call)
    await bench.module("apt", name="unzip", update_cache=True)
    first = await bench.module("unarchive", **call)
    second = await bench.module("unarchive", **call)

    assert "Failed to find handler" in without_tool["msg"]
    assert (first["changed"], second["changed"]) == (True, False)
    assert bench.machine.files.read("/srv/game/readme") == b"hello"
    assert bench.machine.files.find("/outside") is None


def _file(bench: Bench):
    return bench.machine.files.get("/etc/hosts")


async def test_facts_are_true_of_the_model(bench: Bench) -> None:
    facts = (await bench.module("setup"))["ansible_facts"]
    few = (await bench.module("setup", filter=["ansible_pkg_mgr"]))["ansible_facts"]

    assert facts["ansible_distribution_major_version"] == "13"
    assert facts["ansible_user_id"] == "root"
    assert set(few) == {"ansible_pkg_mgr", "gather_subset", "module_setup"}


async def test_nothing_is_downloaded_from_elsewhere(bench: Bench) -> None:
    answer = await bench.module("get_url", url="https://example.org/x", dest="/tmp/x")

    assert answer["failed"]
    assert "Network is unreachable" in answer["msg"]


@pytest.mark.parametrize(
    ("url", "near"),
    [
        ("http://127.0.0.1:80/x", True),
        ("http://127.9.9.9/x", True),
        ("http://[::1]/x", True),
        ("http://localhost/x", True),
        ("http://localhost.example.org/x", False),
        ("http://10.0.0.1/x", False),
        ("file:///etc/passwd", False),
    ],
)
def test_loopback_is_told_from_the_rest(url: str, near: bool) -> None:
    assert on_loopback(url) is near


async def test_python_without_a_module_says_what_it_is(bench: Bench) -> None:
    outcome = await bench.sh("python3", stdin=b"print(1)")

    assert outcome.code == 2
    assert b"something else than a module" in outcome.err
