"""The template real guests are cloned from: built by the lab before its first start."""

import asyncio
import sys
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager

from pydantic import BaseModel

from yard_cli.failure import Failure
from yard_cli.settings import inherited
from yard_cli.stack.plan import BIN
from yard_cli.stack.process import end


class Progress(BaseModel, frozen=True, extra="ignore"):
    """A line the builder prints: a step, the end, or a refusal with its remedy."""

    step: str = ""
    text: str = ""
    seconds: float = 0.0
    error: str | None = None
    remedy: str | None = None


async def ensure_template(tell: Callable[[str], None], *, java: bool = False) -> None:
    """Build the template unless it is there; what is missing for that is a failure."""
    refusal: Progress | None = None
    async with _builder(*(("--java",) if java else ())) as builder:
        assert builder.stdout is not None
        async for line in builder.stdout:
            progress = Progress.model_validate_json(line)
            refusal = progress if progress.error else refusal
            if progress.text:
                tell(f"template: {progress.text}")
        code = await builder.wait()
    if refusal is not None:
        raise Failure(f"no real guests here: {refusal.error}", refusal.remedy)
    if code:
        raise Failure(
            f"the template could not be built (exit code {code})",
            "see why: ./yard lab template",
        )


@asynccontextmanager
async def _builder(*options: str) -> AsyncGenerator[asyncio.subprocess.Process]:
    builder = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "proxmox_lab", "template", "--json", *options),
        env=inherited(BIN),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        start_new_session=True,
    )
    try:
        yield builder
    finally:
        await end(builder, patience=10)
