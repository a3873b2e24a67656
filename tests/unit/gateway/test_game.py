"""Settings of games: completed, checked, and never repeated in what is refused."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.domain.errors import SettingsRefused
from gateway.domain.game import checked_settings
from tests.fakes.gateway import BLOCKS


def faults(settings: dict[str, Any]) -> dict[str, str]:
    with pytest.raises(SettingsRefused) as refused:
        checked_settings(BLOCKS, settings)
    return {fault.pointer: fault.detail for fault in refused.value.faults}


def test_defaults_are_filled_in_also_inside() -> None:
    assert checked_settings(BLOCKS, {"world": {}}) == {
        "motd": "Hello",
        "mode": "easy",
        "password": "",
        "world": {"seed": 7},
    }


def test_what_was_given_is_not_changed() -> None:
    given: dict[str, Any] = {"world": {}}

    checked_settings(BLOCKS, given)

    assert given == {"world": {}}


def test_each_fault_is_pointed_at() -> None:
    found = faults({"mode": "odd", "players": 0, "world": {"seed": "x", "a/b~c": 1}, "more": 1})

    assert found == {
        "/settings/mode": "must be one of easy, hard",
        "/settings/players": "must be at least 1",
        "/settings/world/seed": "must be of type integer",
        "/settings/world/a~1b~0c": "is not a setting of this game",
        "/settings/more": "is not a setting of this game",
    }


def test_true_is_not_a_number() -> None:
    assert faults({"players": True}) == {"/settings/players": "must be of type integer"}


@pytest.mark.parametrize("name", ["mode", "players", "motd", "world"])
def test_a_value_is_never_repeated(name: str) -> None:
    found = faults({name: ["canary-9f3a"] * 30})

    assert "canary" not in repr(found)


def test_names_cannot_forge_lines_of_a_log() -> None:
    (pointer,) = faults({"x\n\x1b[31mforged": 1})

    assert pointer == "/settings/x??[31mforged"


@given(st.dictionaries(st.text(max_size=9), st.none() | st.integers() | st.text(max_size=30)))
def test_any_settings_are_completed_or_refused(settings: dict[str, Any]) -> None:
    try:
        complete = checked_settings(BLOCKS, settings)
    except SettingsRefused:
        return
    assert checked_settings(BLOCKS, complete) == complete
