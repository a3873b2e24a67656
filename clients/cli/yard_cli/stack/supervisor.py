"""Keeps the processes of the stack running until told to stop them all.

    start -> ready -> (crash -> pause -> start)* -> stopped

A process that keeps ending before it was ever ready takes the whole stack down: waiting
would not help. One that was ready before is started again, however often it ends.
"""

import asyncio
import signal
import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final, Literal

from yard_cli.failure import Failure
from yard_cli.stack.process import ProcessSpec, end, last_lines, spawn

PAUSES: Final = (0.1, 0.5, 1.0, 2.0, 5.0, 10.0)
CALM: Final = 30.0  # seconds after which earlier crashes are forgotten
FALSE_STARTS: Final = 3
PROBE_EVERY: Final = 0.05

What = Literal["started", "ready", "crashed", "stopped", "killed"]


@dataclass(frozen=True, slots=True, kw_only=True)
class News:
    """Something a watcher of the stack may want to show."""

    process: str
    what: What
    detail: str = ""


class Keeper:
    """Keeps one process running."""

    def __init__(self, spec: ProcessSpec, *, tell: Callable[[News], None]) -> None:
        self.spec = spec
        self.ready = asyncio.Event()
        self.pid: int | None = None
        self.restarts = 0
        self._tell = tell
        self._process: asyncio.subprocess.Process | None = None
        self._was_ready = False
        self._stopping = False

    async def run(self) -> None:
        """Start it again whenever it ends, until ``stop``; raise if it never gets going."""
        crashes = 0
        while not self._stopping:
            began = time.monotonic()
            code = await self._live()
            if self._stopping:
                return
            crashes = 1 if time.monotonic() - began > CALM else crashes + 1
            self._tell(News(process=self.spec.name, what="crashed", detail=_how(code)))
            if not self._was_ready and crashes >= FALSE_STARTS:
                raise Failure(
                    f"{self.spec.name} does not start ({_how(code)})",
                    f"read {self.spec.log_file}",
                    details=last_lines(self.spec.log_file),
                )
            await asyncio.sleep(PAUSES[min(crashes, len(PAUSES)) - 1])
            self.restarts += 1

    async def stop(self) -> None:
        """End it for good."""
        self._stopping = True
        if self._process is None or self._process.returncode is not None:
            return
        gently = await end(self._process, patience=self.spec.patience)
        self._tell(News(process=self.spec.name, what="stopped" if gently else "killed"))

    async def _live(self) -> int:
        self._process = process = await spawn(self.spec)
        self.pid = process.pid
        self._tell(News(process=self.spec.name, what="started"))
        probe = asyncio.create_task(self._probe())
        try:
            return await process.wait()
        finally:
            probe.cancel()
            self.ready.clear()
            self.pid = None

    async def _probe(self) -> None:
        while True:
            if await self.spec.is_ready():
                break
            await asyncio.sleep(PROBE_EVERY)
        self._was_ready = True
        self.ready.set()
        self._tell(News(process=self.spec.name, what="ready"))


class Supervisor:
    """Keeps several processes running; ``async with`` stops them all at the end."""

    def __init__(
        self, specs: Sequence[ProcessSpec], *, tell: Callable[[News], None] = lambda _: None
    ) -> None:
        self.keepers = tuple(Keeper(spec, tell=tell) for spec in specs)
        self._tasks: list[asyncio.Task[None]] = []

    async def __aenter__(self) -> "Supervisor":
        """Start them all at once: each waits by itself for what it needs."""
        self._tasks = [asyncio.create_task(keeper.run()) for keeper in self.keepers]
        return self

    async def __aexit__(self, *_: object) -> None:
        """Stop them in their order, those of one rank together."""
        ranks: defaultdict[int, list[Keeper]] = defaultdict(list)
        for keeper in self.keepers:
            ranks[keeper.spec.stops_in].append(keeper)
        for rank in sorted(ranks):
            await asyncio.gather(*(keeper.stop() for keeper in ranks[rank]))
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def wait_until_ready(self, *, timeout: float) -> None:
        """Return once every process has answered; raise if one cannot or takes too long."""
        ready = asyncio.create_task(self._all_ready())
        try:
            done, _ = await asyncio.wait(
                [ready, *self._tasks], timeout=timeout, return_when=asyncio.FIRST_COMPLETED
            )
            for task in done:
                task.result()
            if not ready.done():
                raise self._too_slow(timeout)
        finally:
            ready.cancel()

    async def watch(self) -> None:
        """Wait for ever; raise if a process cannot be kept running."""
        # Not gather: it would take the processes along when the one who waits is cancelled.
        done, _ = await asyncio.wait(self._tasks, return_when=asyncio.FIRST_EXCEPTION)
        for task in done:
            task.result()

    async def _all_ready(self) -> None:
        for keeper in self.keepers:
            await keeper.ready.wait()

    def _too_slow(self, timeout: float) -> Failure:
        late = next(keeper for keeper in self.keepers if not keeper.ready.is_set())
        return Failure(
            f"{late.spec.name} did not become ready within {timeout:.0f} s",
            f"read {late.spec.log_file}",
            details=last_lines(late.spec.log_file),
        )


def _how(code: int) -> str:
    return f"killed by {signal.Signals(-code).name}" if code < 0 else f"exit code {code}"
