"""A reconfigured game is restarted if a changed setting takes it, and otherwise let be."""

import json
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from common.contracts import events as evt
from provisioner.handlers import on_event
from provisioner.work import work_on
from tests.fakes.provisioner import SERVER, SPEC, FakeProvisioner, a_lock, vm_ready
from tests.integration.provisioner.conftest import PLAYBOOKS, Site
from tests.integration.provisioner.real import real_tools

pytestmark = [pytest.mark.integration, pytest.mark.timeout(300)]

LOCK = a_lock("apt", game="luanti", artefacts=())


@pytest.fixture
def playbooks(tmp_path: Path) -> Path:
    """A catalogue in which Luanti would read its message of the day whenever it is written."""
    copy = tmp_path / "playbooks"
    shutil.copytree(PLAYBOOKS, copy)
    file = copy / "games" / "luanti" / "settings.schema.json"
    schema = json.loads(file.read_text())
    schema["properties"]["motd"]["x-restart"] = "none"
    file.write_text(json.dumps(schema))
    return copy


class Luanti:
    """A server of it, to be asked for in one shape after another."""

    def __init__(self, site: Site, runs: Path, playbooks: Path) -> None:
        self.site, self.world = site, FakeProvisioner()
        self.tools = real_tools(self.world, site, runs=runs, playbooks=playbooks)
        self.asked, self.lock = 5, LOCK

    async def as_asked(self, settings: Mapping[str, Any], kind: str = "reconfigure") -> list[str]:
        """Bring it into this shape; return the names of the tasks that changed something."""
        self.asked += 1
        shape = {"game": "luanti", "settings": settings, "lock": self.lock}
        spec = SPEC.model_copy(update=shape)
        there = {"endpoint": self.site.endpoint, "host_keys": (self.site.host_key,), "spec": spec}
        asked = vm_ready(operation_id=f"op_{self.asked}", kind=kind, **there)
        await on_event(asked, work=self.world)
        await work_on(SERVER, work=self.world, tools=self.tools)
        assert self.world.said(evt.ServerFailed) == []
        ready = self.world.said(evt.ServerReady)[-1]
        self.lock = ready.lock or self.lock  # the gateway gives back what it was told
        return [timing.task for timing in ready.timings if timing.changed]

    async def start(self) -> str:
        """Return which of its starts the game is in."""
        ask = ("systemctl", "show", "--property=InvocationID", "luanti-server")
        return (await self.site.guest.agent_exec(ask, b"")).out.decode()


@pytest.fixture
def luanti(site: Site, runs: Path, playbooks: Path) -> Luanti:
    return Luanti(site, runs, playbooks)


async def test_a_setting_restarts_the_game_only_if_it_takes_that(luanti: Luanti):
    await luanti.as_asked({"motd": "one"}, "deploy")
    first = await luanti.start()

    assert await luanti.as_asked({"motd": "one"}) == []
    assert await luanti.start() == first

    assert await luanti.as_asked({"motd": "two"}) == ["Write the settings"]
    assert "motd = two\n" in await luanti.site.read("/etc/luanti/default.conf")
    assert await luanti.start() == first

    changed = await luanti.as_asked({"motd": "three", "max_users": 7})
    assert changed == ["Write the settings", "Restart the game"]
    assert await luanti.start() != first


async def test_a_play_that_was_cut_after_the_file_restarts_the_game_when_it_is_played_again(
    luanti: Luanti, monkeypatch: pytest.MonkeyPatch
):
    await luanti.as_asked({"motd": "one"}, "deploy")
    first = await luanti.start()
    with monkeypatch.context() as patch:
        patch.setattr(luanti.world.log, "write", _cut_at("changed: Write the settings"))
        with pytest.raises(Cut):
            await luanti.as_asked({"motd": "one", "max_users": 7})
    assert "max_users = 7\n" in await luanti.site.read("/etc/luanti/default.conf")
    assert await luanti.start() == first

    await work_on(SERVER, work=luanti.world, tools=luanti.tools)

    assert await luanti.start() != first


class Cut(BaseException):
    """The process ends here."""


def _cut_at(text: str) -> Callable[..., None]:
    def write(line: Any, **_told: Any) -> None:
        if line.text.startswith(text):
            raise Cut

    return write
