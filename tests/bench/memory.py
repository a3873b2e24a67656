"""What each process of the stack holds in memory when nothing is going on."""

import asyncio
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from tests.bench.processes import memory_of
from tests.bench.site import a_stack
from yard_cli.bench import Figure, Options

SETTLING = 5.0  # seconds
GOALS = {"nats": 60.0}  # MiB
GOAL = 150.0


async def measure(options: Options) -> Sequence[Figure]:
    """Start the stack, let it settle, read what the kernel says."""
    with tempfile.TemporaryDirectory(prefix="yard-bench-") as data:
        async with a_stack(Path(data), port_base=options.port_base) as stack:
            await asyncio.sleep(SETTLING)
            sizes = memory_of(stack)
    alone = await _bare_interpreter()
    told = f"a bare Python with FastAPI imported: {alone:.0f} MiB"
    figures = [
        Figure(name=name, value=size, unit="MiB", goal=GOALS.get(name, GOAL), compared_with=told)
        for name, size in sizes.items()
    ]
    return [*figures, Figure(name="all together", value=sum(sizes.values()), unit="MiB")]


async def _bare_interpreter() -> float:
    import_and_tell = (
        "import fastapi, re, pathlib;"
        "print(re.search(r'VmRSS:\\s+(\\d+)', pathlib.Path('/proc/self/status').read_text())[1])"
    )
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", import_and_tell, stdout=asyncio.subprocess.PIPE
    )
    said, _ = await process.communicate()
    return int(said) / 1024
