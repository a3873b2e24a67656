"""A stack for a bench: started here, on data and ports of its own, silent."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

from yard_cli.commands.stack import site
from yard_cli.stack.session import RunningSite, running


@asynccontextmanager
async def a_stack(data: Path, *, port_base: int, vm: bool = False) -> AsyncGenerator[RunningSite]:
    """Run a stack for as long as the block lasts."""
    async with running(site(data=data, port_base=port_base, vm=vm), tell=lambda _: None) as stack:
        yield stack
