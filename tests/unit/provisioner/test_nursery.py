"""A child may be kept to spare; the next run gets it, and none is left behind.

The child here is a few lines of Python in place of Ansible's.
"""

import asyncio
import sys
import tempfile
from collections.abc import AsyncGenerator, Callable, Generator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from provisioner.adapters.ansible import nursery as nursery_module
from provisioner.adapters.ansible.nursery import Nursery

SCRIPT = "import os, sys; print('{}', flush=True); print(sys.stdin.readline() or os._exit(0))"


@pytest.fixture
def runs() -> Generator[Path]:
    with tempfile.TemporaryDirectory(prefix="yard-t-") as folder:
        yield Path(folder)


@pytest.fixture(autouse=True)
def hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(nursery_module, "PAUSE", 0.01)


def a_nursery(runs: Path, script: str = SCRIPT) -> Nursery:
    return Nursery(runs=runs, program=(sys.executable, "-c", script))


@asynccontextmanager
async def kept(nursery: Nursery) -> AsyncGenerator[None]:
    keeping = asyncio.ensure_future(nursery.keep())
    try:
        yield
    finally:
        keeping.cancel()
        await asyncio.wait({keeping})


async def until(holds: Callable[[], bool]) -> None:
    while not holds():
        await asyncio.sleep(0.01)


async def heard(child: asyncio.subprocess.Process) -> bytes:
    said, _ = await child.communicate(b"job\n")
    return said


async def test_without_one_to_spare_a_child_is_started(runs: Path):
    child = await a_nursery(runs).take()

    assert await heard(child) == b"{}\njob\n\n"


async def test_the_spare_is_given_once_and_another_takes_its_place(runs: Path):
    nursery = a_nursery(runs)
    async with kept(nursery):
        await until(lambda: nursery.is_warm)

        child = await nursery.take()
        assert not nursery.is_warm
        await until(lambda: nursery.is_warm)
        other = await nursery.take()

        assert child.pid != other.pid
        assert [await heard(one) for one in (child, other)] == [b"job\n\n"] * 2


async def test_one_that_is_not_ready_yet_is_waited_for(runs: Path):
    nursery = a_nursery(runs, f"import time; time.sleep(0.3); {SCRIPT}")
    async with kept(nursery):
        await asyncio.sleep(0.05)

        child = await nursery.take()

        assert await heard(child) == b"job\n\n"


async def test_one_that_has_died_meanwhile_is_not_given(runs: Path):
    dies_once = "import os; os.path.exists('once') or [open('once', 'w'), os._exit(1)]; "
    nursery = a_nursery(runs, dies_once + SCRIPT)
    async with kept(nursery):
        await until(lambda: nursery.is_warm)

        child = await nursery.take()

        assert await heard(child) == b"{}\njob\n\n"


async def test_one_that_hangs_while_it_loads_holds_no_run_up(
    runs: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(nursery_module, "LOADING", 0.5)
    hangs_once = "import os, time; os.path.lexists('once') or [os.symlink("
    hangs_once += "str(os.getpid()), 'once'), os.mkdir('hangs'), time.sleep(600)]; "
    nursery = a_nursery(runs, hangs_once + SCRIPT)
    async with kept(nursery):
        await until((runs / "hangs").exists)

        child = await nursery.take()

        assert await heard(child) == b"{}\njob\n\n"
    assert not Path("/proc", (runs / "once").readlink()).exists()


async def test_none_is_left_when_nobody_keeps_it_any_more(runs: Path):
    nursery = a_nursery(runs, f"import os; open('pid', 'w').write(str(os.getpid())); {SCRIPT}")
    async with kept(nursery):
        await until(lambda: nursery.is_warm)

    assert not Path("/proc", (runs / "pid").read_text()).exists()


async def test_where_none_can_be_started_the_next_run_says_why():
    nursery = a_nursery(Path("/proc/nowhere"))
    async with kept(nursery):
        await asyncio.sleep(0.05)

        with pytest.raises(OSError, match="nowhere"):
            await nursery.take()
