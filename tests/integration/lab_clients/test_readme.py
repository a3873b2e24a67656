"""The lab's README is run as it stands: curl, proxmoxer, and a client that is no kin of it.

clientapi-pve is generated from Proxmox's own description of its API: it sends what that says, and
refuses what does not fit it. Nothing in the product uses it.
"""

import asyncio
import re
import shutil
import sys
from asyncio.subprocess import PIPE, STDOUT
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.conftest import free_port

pytestmark = pytest.mark.integration
README = Path(__file__).resolve().parents[3] / "lab" / "README.md"
BLOCKS = re.findall(r"^```(sh|python)\n(.*?)^```$", README.read_text(), re.MULTILINE | re.DOTALL)
PORT = "8006"
FOLDER = "data/lab"


@pytest.fixture
async def lab(tmp_path: Path) -> AsyncIterator[tuple[Path, str]]:
    """A lab as its README starts it, on a port of its own and faster."""
    port = str(free_port())
    words = ["--data", str(tmp_path / "lab"), "--port", port, "--speed", "20"]
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "proxmox_lab", *words, stdout=PIPE
    )
    assert process.stdout is not None
    assert b"lab ready" in await process.stdout.readline()
    yield tmp_path / "lab", port
    process.terminate()
    await process.communicate()


def test_the_readme_shows_curl_two_clients_and_the_command_line() -> None:
    assert [language for language, _ in BLOCKS] == ["sh", "python", "python", "sh"]


@pytest.mark.timeout(180)  # a client of 1,500 generated classes takes its time to be imported
@pytest.mark.parametrize("number", range(len(BLOCKS)))
async def test_an_example_of_the_readme_works_as_it_stands(
    lab: tuple[Path, str], number: int
) -> None:
    language, text = BLOCKS[number]
    if "curl" in text and shutil.which("curl") is None:
        pytest.skip("there is no curl on this machine: its example was NOT run")
    folder, port = lab
    text = text.replace(FOLDER, str(folder)).replace(PORT, port)
    text = text.replace("./yard lab", f"{sys.executable} -m proxmox_lab")
    program = ["bash", "-euo", "pipefail", "-c"] if language == "sh" else [sys.executable, "-c"]

    process = await asyncio.create_subprocess_exec(*program, text, stdout=PIPE, stderr=STDOUT)
    said, _ = await process.communicate()

    assert process.returncode == 0, said.decode()
