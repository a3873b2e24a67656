"""A few threads for blocking calls, which never keep the process from ending."""

import queue
import threading
from collections.abc import Callable
from concurrent.futures import Executor, Future
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")


class DaemonThreads(Executor):
    """An executor whose threads die with the process, even in the middle of a read.

    One thread is started with each call until there are ``count``. Calls come from one thread.
    """

    def __init__(self, count: int, *, name: str) -> None:
        self._calls: queue.SimpleQueue[Callable[[], None] | None] = queue.SimpleQueue()
        self._count = count
        self._name = name
        self._started = 0

    def submit(self, fn: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        """Queue the call; one that is cancelled in the queue never runs."""
        future: Future[T] = Future()

        def call() -> None:
            if not future.set_running_or_notify_cancel():
                return
            try:
                future.set_result(fn(*args, **kwargs))
            except BaseException as error:  # noqa: BLE001  it is raised where the result is awaited
                future.set_exception(error)

        if self._started < self._count:
            self._start()
        self._calls.put(call)
        return future

    def _start(self) -> None:
        name = f"{self._name}-{self._started}"
        self._started += 1
        threading.Thread(target=self._serve, name=name, daemon=True).start()

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:  # noqa: ARG002  Executor's signature
        """Let each thread end after the call it is in; nobody waits for it."""
        for _ in range(self._started):
            self._calls.put(None)

    def _serve(self) -> None:
        while (call := self._calls.get()) is not None:
            call()
