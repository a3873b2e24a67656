"""Of what logins share nothing is left lying when whoever held it open is gone."""

import socket
import tempfile
from collections.abc import Generator
from pathlib import Path

import pytest

from provisioner.adapters.ansible.supervised import AnsiblePlaybooks
from provisioner.adapters.folders import drop_dead, socket_of


@pytest.fixture
def runs() -> Generator[Path]:
    with tempfile.TemporaryDirectory(prefix="yard-t-") as folder:
        yield Path(folder)


def listening(path: Path) -> socket.socket:
    master = socket.socket(socket.AF_UNIX)
    master.bind(str(path))
    master.listen()
    return master


def test_a_socket_at_which_nobody_listens_is_removed(runs: Path):
    path = socket_of(runs, "abc")
    with listening(path):
        drop_dead(path)
        assert path.is_socket()

    drop_dead(path)

    assert not path.exists()


def test_one_that_is_gone_or_is_none_is_let_be(runs: Path):
    other = runs / "c-other"
    other.write_text("not a socket")

    drop_dead(other)
    drop_dead(runs / "c-gone")

    assert other.exists()


def test_the_sweep_takes_those_along_that_a_killed_run_has_left(runs: Path):
    listening(socket_of(runs, "dead")).close()

    with listening(socket_of(runs, "alive")):
        AnsiblePlaybooks(project=runs, runs=runs).sweep()
        left = sorted(path.name for path in runs.glob("c-*"))

    assert left == ["c-alive"]
