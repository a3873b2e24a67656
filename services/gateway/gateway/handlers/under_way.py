"""Attempts that were begun at one endpoint: some wait for a place, the others are being sent."""

import asyncio
from collections.abc import Coroutine, Sequence
from dataclasses import dataclass, field

from gateway.domain.delivering import Outcome

Attempt = Coroutine[object, object, Outcome | None]


@dataclass(slots=True)
class UnderWay:
    """An attempt ends with its outcome; with none if nothing was sent."""

    _tasks: dict[asyncio.Task[Outcome | None], str] = field(
        default_factory=dict[asyncio.Task[Outcome | None], str]
    )
    _with_place: set[str] = field(default_factory=set[str])

    def __len__(self) -> int:
        """Count them."""
        return len(self._tasks)

    @property
    def event_ids(self) -> frozenset[str]:
        """Of which events."""
        return frozenset(self._tasks.values())

    @property
    def any_waits(self) -> bool:
        """Tell whether there is one that has no place yet."""
        return len(self._with_place) < len(self._tasks)

    def begin(self, event_id: str, attempt: Attempt) -> None:
        """Begin one."""
        self._tasks[asyncio.create_task(attempt)] = event_id

    def has_place(self, event_id: str) -> None:
        """Hear that one is being sent from now on."""
        self._with_place.add(event_id)

    def call_back(self) -> None:
        """Let those go that wait for a place; what is being sent is not sent again for that."""
        for task, event_id in self._tasks.items():
            if event_id not in self._with_place:
                task.cancel()

    async def next_outcomes(self, *, within: float) -> Sequence[Outcome]:
        """Wait for the next to end, so many seconds at most, and return what came of attempts."""
        done, _ = await asyncio.wait(
            self._tasks, timeout=within, return_when=asyncio.FIRST_COMPLETED
        )
        for task in done:
            self._with_place.discard(self._tasks.pop(task))
        results = (None if task.cancelled() else task.result() for task in done)
        return [outcome for outcome in results if outcome is not None]

    async def last_outcomes(self, *, within: float) -> Sequence[Outcome]:
        """Wait so many seconds for what is being sent, and end it all."""
        self.call_back()
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=within)
        for task in self._tasks:
            task.cancel()
        found = await asyncio.gather(*self._tasks, return_exceptions=True)
        return [one for one in found if isinstance(one, Outcome)]
