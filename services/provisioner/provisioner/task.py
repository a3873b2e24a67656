"""A step of a run that is being taken, and how it puts lines into the operation's log."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace

from common.contracts import events as evt
from common.contracts.logs import Level, LogLine
from common.contracts.servers import Endpoint
from provisioner.domain.inventory import Target
from provisioner.domain.play import plain
from provisioner.domain.run import Run
from provisioner.domain.server_key import PLACE, ServerKey
from provisioner.domain.trace import Trace
from provisioner.ports import Tools
from provisioner.telling import WRITER

Report = Callable[[float, str], Awaitable[None]]


def target_by(key: ServerKey | None, *, endpoint: Endpoint, tools: Tools) -> Target:
    """Return a guest as SSH reaches it, by its own key if it has one. Raises ``StepFailed``."""
    found = tools.target(endpoint)
    if key is None:
        return found
    private = tools.seals.open(key.private, server_id=key.server_id, pointer=PLACE)
    return replace(found, private_key=private.decode())


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """A step to be taken: the run, its VM, and the tools. ``report`` tells how far it is.

    ``trace`` outlives the step however it ends: what it was at when time ran out, say.
    ``key`` is the server's own; servers from before are opened by the installation's.
    """

    run: Run
    vm: evt.VMReady
    tools: Tools
    report: Report
    trace: Trace = field(default_factory=Trace)
    key: ServerKey | None = None

    @property
    def target(self) -> Target:
        """The guest as SSH reaches it: by its own key, if it has one. Raises ``StepFailed``."""
        return target_by(self.key, endpoint=self.vm.endpoint, tools=self.tools)

    def say(self, key: str, text: str, *, level: Level = "info") -> None:
        """Put a line into the operation's log, the fast way."""
        step = self.run.step
        self.write(LogLine(key=f"{self.run.key}:{key}", level=level, step=step, text=plain(text)))

    def write(self, line: LogLine) -> None:
        """Put a ready-made line into the operation's log, the fast way."""
        self.tools.log.write(
            line, stream_id=self.run.operation_id, server_id=self.run.server_id, writer=WRITER
        )
