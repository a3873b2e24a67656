"""What is ended of a dead run is that alone: our own children stay ours to wait for."""

import subprocess
import sys
import time
from pathlib import Path

import pytest

from provisioner.adapters.ansible.process_tree import end_marked

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="marks are read from /proc")


def test_how_another_child_of_ours_ended_is_still_told_to_whoever_started_it():
    child = subprocess.Popen([sys.executable, "-c", "raise SystemExit(3)"])
    while " Z " not in Path(f"/proc/{child.pid}/stat").read_text():
        time.sleep(0.01)

    end_marked("SPAWNYARD_RUN", "srv_nobody")

    assert child.wait() == 3


def test_what_bears_the_mark_is_ended():
    marked = subprocess.Popen(["sleep", "600"], env={"SPAWNYARD_RUN": "srv_nobody:t"})

    end_marked("SPAWNYARD_RUN", "srv_nobody:t")

    assert marked.wait() == -9
