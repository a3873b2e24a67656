"""A game is stopped by its own word, and waited for."""

import os
import subprocess
import threading
from pathlib import Path

import pytest

FAREWELL = Path(__file__).parents[3] / "playbooks/roles/service/files/game-farewell"
GAME = "read line; sleep 0.3; printf 'heard %s' \"$line\""


@pytest.fixture
def console(tmp_path: Path) -> Path:
    path = tmp_path / "console"
    os.mkfifo(path)
    return path


def farewell(*words: str, pid: int | None) -> None:
    known = {"PATH": "/usr/bin:/bin"} | ({"MAINPID": str(pid)} if pid else {})
    subprocess.run([str(FAREWELL), *words], env=known, check=True, timeout=60)


def test_the_line_is_heard_and_the_end_awaited(console: Path):
    stdin = os.open(console, os.O_RDWR)
    with subprocess.Popen(["sh", "-c", GAME], stdin=stdin, stdout=subprocess.PIPE) as game:
        ended = threading.Thread(target=game.wait)  # as systemd does: a zombie has not gone
        ended.start()

        farewell(str(console), "say $HOME; 'stop'", pid=game.pid)

        ended.join()
        assert game.stdout is not None
        assert game.stdout.read() == b"heard say $HOME; 'stop'"
    os.close(stdin)


def test_a_game_that_has_gone_is_told_nothing(console: Path):
    kept = os.open(console, os.O_RDWR | os.O_NONBLOCK)

    farewell(str(console), "stop", pid=None)

    with pytest.raises(BlockingIOError):
        os.read(kept, 1)
    os.close(kept)
