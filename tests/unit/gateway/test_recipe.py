"""The digest of what a template is made by: it changes with that, and with nothing else."""

from pathlib import Path

import pytest

from gateway.adapters.recipe import recipe_of


@pytest.fixture
def playbooks(tmp_path: Path) -> Path:
    for name in ("bake.yml", "games/pong/game.yml", "games/pong/prepare.yml", "roles/base/a.yml"):
        file = tmp_path / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(name)
    (tmp_path / "games/pong/install.yml").write_text("x")
    return tmp_path


@pytest.mark.parametrize(
    "changed", ["bake.yml", "games/pong/game.yml", "games/pong/prepare.yml", "roles/base/a.yml"]
)
def test_what_a_template_is_made_by_changes_it(playbooks: Path, changed: str):
    before = recipe_of(playbooks / "games/pong")

    (playbooks / changed).write_text("other")

    assert recipe_of(playbooks / "games/pong") != before


def test_a_file_that_moves_changes_it(playbooks: Path):
    before = recipe_of(playbooks / "games/pong")

    (playbooks / "roles/base/a.yml").rename(playbooks / "roles/base/b.yml")

    assert recipe_of(playbooks / "games/pong") != before


def test_what_comes_after_the_preparation_does_not(playbooks: Path):
    before = recipe_of(playbooks / "games/pong")

    (playbooks / "games/pong/install.yml").write_text("other")

    assert recipe_of(playbooks / "games/pong") == before
    assert len(before) == 16


def test_templates_that_are_there_stay_current_when_spawnyard_is_upgraded(playbooks: Path):
    assert recipe_of(playbooks / "games/pong") == "d5b4be6068b2ca9d"
