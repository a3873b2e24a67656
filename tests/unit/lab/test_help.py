"""What ``yard lab --help`` tells."""

import pytest

from proxmox_lab.__main__ import main


def help_of(capsys: pytest.CaptureFixture[str], *words: str) -> str:
    with pytest.raises(SystemExit) as ended:
        main([*words, "--help"])
    assert ended.value.code == 0
    return capsys.readouterr().out


@pytest.mark.parametrize("command", ["template", "standins", "replay", "fault", "history", "clock"])
def test_each_command_is_told_with_its_meaning_and_called_alike(
    command: str, capsys: pytest.CaptureFixture[str]
) -> None:
    [line] = [one for one in help_of(capsys).splitlines() if one.startswith(f"  {command} ")]
    assert len(line.split()) > 2

    assert help_of(capsys, command).startswith(f"usage: yard lab {command}")


def test_each_option_is_explained(capsys: pytest.CaptureFixture[str]) -> None:
    told = help_of(capsys)

    assert told.startswith("usage: yard lab ")
    for option, word in (("--host", "address"), ("--port", "8006"), ("--guests", "simulated")):
        about = told.partition(f"\n  {option} ")[2].partition("\n  -")[0]
        assert word in about
