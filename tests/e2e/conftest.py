"""One stack for all end-to-end tests of a module."""

from collections.abc import AsyncGenerator

import pytest
import pytest_asyncio

from tests.stack import Stack


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def stack(tmp_path_factory: pytest.TempPathFactory) -> AsyncGenerator[Stack]:
    stack = Stack(tmp_path_factory.mktemp("yard"))
    try:
        await stack.start()
        await stack.login()
        yield stack
    finally:
        await stack.stop()
