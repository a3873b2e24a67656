"""Who stands in for a game, and how the stack is told."""

import re
import socket
from pathlib import Path

import pytest
from typer.testing import CliRunner

from yard_cli.commands.stack import site
from yard_cli.failure import Failure
from yard_cli.main import command_line
from yard_cli.stack import stand_ins
from yard_cli.stack.ports import Ports
from yard_cli.stack.session import running


def test_real_guests_fetch_from_another_address_of_the_same_mirror() -> None:
    ports = Ports(9000)

    assert stand_ins.mirrors(ports, None) == {"DOWNLOAD_BASE": "http://127.0.0.1:9006"}
    assert stand_ins.mirrors(ports, "10.77.0.1") == {
        "DOWNLOAD_BASE": "http://127.0.0.1:9006",
        "GUEST_DOWNLOAD_BASE": "http://10.77.0.1:9006",
    }


def test_without_a_compiler_there_is_a_remedy_and_a_way_around(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(stand_ins, "COMPILER", "no-such-javac")

    with pytest.raises(Failure) as refused:
        stand_ins.check()

    assert "default-jdk-headless" in (refused.value.remedy or "")
    assert "--set eula=true" in (refused.value.remedy or "")


async def test_a_start_without_a_compiler_does_not_make_the_folder_a_stand_ins(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(stand_ins, "COMPILER", "no-such-javac")
    made = site(data=tmp_path / "data", port_base=29700, stand_ins=True)

    with pytest.raises(Failure, match="javac"):
        async with running(made, tell=lambda news: None):
            pass

    assert not (tmp_path / "data" / "stack.json").exists()


def test_the_seventh_port_matters_only_where_something_stands_in() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        ports = Ports(taken.getsockname()[1] - 6)
        with pytest.raises(Failure, match=str(ports.base + 6)):
            ports.check(stand_ins.NAME, patience=0)
        assert ports.of(stand_ins.NAME) == ports.base + 6


def test_the_demo_says_that_it_accepts_nothing_for_anybody() -> None:
    told = CliRunner().invoke(command_line(), ["demo", "--help"]).output

    assert "--set eula=true" in re.sub(r"\s+", " ", re.sub(r"\x1b\[[0-9;]*m", "", told))


def test_games_that_have_a_stand_in_are_in_the_catalogue() -> None:
    games = Path(__file__).parents[3] / "playbooks" / "games"

    assert all((games / game / "game.yml").is_file() for game in stand_ins.SETTINGS)
