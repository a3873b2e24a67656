"""One stack for all end-to-end tests of a module; and the template of real guests."""

import os
import sys
from collections.abc import AsyncGenerator
from pathlib import Path

import pytest
import pytest_asyncio

from proxmox_lab.template.__main__ import DEFAULT_CACHE
from proxmox_lab.template.required_tools import missing_tools, remedy
from tests.e2e.real_vms import BUILD_SECONDS, run
from tests.stack import Stack, running_stack


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def stack(tmp_path_factory: pytest.TempPathFactory) -> AsyncGenerator[Stack]:
    async with running_stack(Stack(tmp_path_factory.mktemp("yard"))) as stack:
        yield stack


@pytest.fixture(scope="module")
def able() -> None:
    """Skip where real guests cannot run, unless they were asked for."""
    root = os.geteuid() == 0
    missing = missing_tools(root=root)
    if not missing:
        return
    names = ", ".join(tool.name for tool in missing)
    reason = f"no real guests here, missing: {names}; install: {remedy(missing, root=root)}"
    if os.environ.get("SPAWNYARD_REQUIRE_VM") == "1":
        pytest.fail(reason)
    pytest.skip(reason)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def cache(able: None) -> Path:
    folder = DEFAULT_CACHE.expanduser()
    build = ("-m", "proxmox_lab.template", "--cache", str(folder))
    await run(sys.executable, *build, seconds=BUILD_SECONDS)
    return folder
