"""Labels at the command line: some given, some taken away, the others left as they are."""

from pathlib import Path

import pytest

from tests.unit.cli.desk import Desk
from yard_cli.commands.labels import changes_of
from yard_cli.failure import Failure


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Desk:
    desk = Desk(tmp_path)
    monkeypatch.setattr("yard_cli.commands.target.api", desk.api)
    return desk


def deploy(desk: Desk, name: str, *words: str) -> None:
    desk.done("deploy", "blocks", "--name", name, *words)


def test_a_deployment_is_labelled_and_found_by_it(desk: Desk):
    deploy(desk, "one", "--label", "env=prod", "-l", "team=a")
    deploy(desk, "two", "--label", "env=test")

    found = desk.told("servers", "--label", "env=prod")

    assert [(one["name"], one["labels"]) for one in found] == [
        ("one", {"env": "prod", "team": "a"})
    ]
    assert len(desk.told("servers")) == 2
    assert desk.told("servers", "-l", "env=prod", "-l", "team=b") == []


def test_labels_are_given_and_taken_away_and_the_others_stay(desk: Desk):
    deploy(desk, "one", "--label", "env=prod", "--label", "team=a")

    shown = desk.done("label", "one", "env=test", "team-", "note=a=b ")
    later = desk.done("label", "one")

    assert shown == later == "one: env=test note=a=b \n"


@pytest.mark.parametrize(
    "words", [("env",), ("-",), ("=x",), ("env=a", "env-"), ("none-",), ("UPPER=a",)]
)
def test_what_cannot_be_is_refused_and_changes_nothing(desk: Desk, words: tuple[str, ...]):
    deploy(desk, "one", "--label", "env=prod")

    shown = desk.type("label", "one", "--", *words)

    assert isinstance(shown.exception, Failure)
    assert shown.exception.remedy
    assert desk.done("label", "one") == "one: env=prod\n"


def test_a_value_may_end_as_a_removal_does():
    assert changes_of(["env=a-"]) == ({"env": "a-"}, frozenset())
