"""What each step of a run does in the outside world. No transaction spans any of it."""

from collections import deque
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from common.contracts import events as evt
from common.contracts.logs import Level, LogLine
from provisioner.domain import inventory
from provisioner.domain.errors import StepFailed
from provisioner.domain.game import Game
from provisioner.domain.play import (
    FAILURES,
    Play,
    PlayEnded,
    TaskEvent,
    line,
    plain,
    reason,
    remedy,
    shown,
)
from provisioner.domain.run import Run, Stage
from provisioner.domain.secrets import Opened, masked, opened, texts_of
from provisioner.patience import patiently
from provisioner.ports import Tools
from provisioner.telling import WRITER

SSH_PATIENCE: Final = 300.0
LAST_LINES: Final = 20

Report = Callable[[float, str], Awaitable[None]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """A step to be taken: the run, its VM, and the tools. ``report`` tells how far it is."""

    run: Run
    vm: evt.VMReady
    tools: Tools
    report: Report

    def say(self, key: str, text: str, *, level: Level = "info") -> None:
        """Put a line into the operation's log, the fast way."""
        step = self.run.step
        key = f"{step}:{self.run.attempt}:{key}"
        self.write(LogLine(key=key, level=level, step=step, text=plain(text)))

    def write(self, line: LogLine) -> None:
        """Put a ready-made line into the operation's log, the fast way."""
        self.tools.log.write(
            line, stream_id=self.run.operation_id, server_id=self.run.server_id, writer=WRITER
        )


async def connect(task: Task) -> Run:
    """Wait for SSH, prove the guest by its host key, and log in."""
    run, vm = task.run, task.vm
    first_use = vm.host_key_policy == "tofu" and not run.host_keys
    if not first_use and not run.host_keys:
        raise StepFailed(
            "the guest's host key is not known",
            remedy="Install the guest agent in the template, or set the policy to tofu.",
        )
    if first_use:
        task.say("tofu", "HOST KEY NOT VERIFIED (tofu)", level="warning")
    target = task.tools.target(vm.endpoint)
    keys = await patiently(
        lambda: task.tools.guests.login(target, run.host_keys, first_use=first_use),
        seconds=SSH_PATIENCE,
        complaint=f"no login at {target.host} port {target.port}",
        remedy="Look at the VM's console: did it boot, and did cloud-init set up its network?",
    )
    return run.advanced(host_keys=tuple(keys))


async def play(task: Task) -> Run:
    """Run the game's playbook, unless a mere start finds the guest as it should be."""
    if task.run.has_nothing_to_play:
        return task.run.advanced()
    spec, tools = task.vm.spec, task.tools
    game = tools.games.find(spec.game, spec.settings)
    game.demand_fixed_ports(task.vm.endpoint)
    found = _opened(task)
    settings = tools.games.complete(game, found.settings)
    secrets = _secret_texts(found, game)
    target = tools.target(task.vm.endpoint)
    follower = _Follower(task=task, game=game, secrets=secrets)
    ended = await tools.playbooks.play(
        Play(
            name=task.run.server_id,
            playbook="site.yml",
            inventory=inventory.inventory(target),
            variables=inventory.variables(
                spec,
                game=game,
                settings=settings,
                lock=tools.games.lock(game, settings),
                download_base=tools.download_base,
                resumed=task.run.attempt > 1 or task.run.unfinished,
            ),
            known_hosts=inventory.known_hosts(target, task.run.host_keys),
            secrets=secrets,
        ),
        tell=follower.tell,
    )
    await tools.log.flush()
    if ended.status != "successful":
        raise follower.failure(ended)
    return task.run.advanced()


def _opened(task: Task) -> Opened:
    """Open the spec's sealed settings, in memory; nothing of them may be told or kept."""

    def open_one(envelope: str, pointer: str) -> bytes:
        return task.tools.seals.open(envelope, server_id=task.run.server_id, pointer=pointer)

    return opened(task.vm.spec.settings, open=open_one)


def _secret_texts(found: Opened, game: Game) -> tuple[str, ...]:
    """Return what may not be told: all that was sealed, and what should have been."""
    return texts_of([*found.secrets, *(found.settings.get(name) for name in game.secrets)])


@dataclass(slots=True, kw_only=True)
class _Follower:
    """Follows one playbook run: log lines, progress, and what to say if it fails."""

    task: Task
    game: Game
    secrets: Sequence[str]
    _started: int = 0
    _failures: list[TaskEvent] = field(default_factory=list[TaskEvent])
    _last: deque[str] = field(default_factory=lambda: deque[str](maxlen=LAST_LINES))

    async def tell(self, event: TaskEvent) -> None:
        event = event.model_copy(update={"task": masked(event.task, self.secrets)})
        told = line(event, attempt=self.task.run.attempt, secrets=self.secrets)
        self.task.write(told)
        self._last.append(told.text)
        if event.kind in FAILURES and not event.ignored:
            self._failures.append(event)
        if event.kind == "started" and not event.is_handler:
            await self._progress(event)

    async def _progress(self, event: TaskEvent) -> None:
        self._started += 1
        total = max(self.game.tasks, self._started)
        detail = f"task {self._started} of {total}: {event.task}"
        await self.task.report((self._started - 1) / total, detail)

    def failure(self, ended: PlayEnded) -> StepFailed:
        why = plain(reason(self._failures, ended), secrets=self.secrets)
        said = (plain(text, secrets=self.secrets) for text in ended.output)
        lines = (*self._last, *said) if not self._failures else tuple(self._last)
        return StepFailed(why, remedy=remedy(why), last_lines=tuple(lines[-LAST_LINES:]))


async def check(task: Task) -> Run:
    """Ask the game on its own protocol until it answers."""
    vm, tools = task.vm, task.tools
    game = tools.games.find(vm.spec.game, vm.spec.settings)
    endpoint, port = vm.endpoint, game.published(vm.endpoint)
    try:
        answer = await patiently(
            lambda: tools.queries.ask(game.query_protocol, endpoint.public_host, port.public_port),
            seconds=game.ready_timeout,
            complaint=f"the game did not answer at {endpoint.public_host} port {port.public_port}",
            remedy="Read the game's last lines; check that its port can be reached from here.",
        )
    except StepFailed as failure:
        target = tools.target(endpoint)
        said = await tools.guests.last_lines(target, task.run.host_keys, unit=game.unit)
        secrets = _secret_texts(_opened(task), game)
        failure.last_lines = tuple(plain(text, secrets=secrets) for text in said)
        raise
    versions = {"definition": game.version}
    if isinstance(version := answer.get("version"), str):
        versions["game"] = plain(version)[:80]
    ready = evt.ServerReady(
        server_id=task.run.server_id,
        operation_id=task.run.operation_id,
        host=endpoint.public_host,
        ports=endpoint.ports,
        connect=game.connect_line(endpoint),
        versions=versions,
        query=shown(answer),
    )
    return task.run.settled(ready)


STEPS: Final[Mapping[Stage, Callable[[Task], Awaitable[Run]]]] = {
    Stage.CONNECTING: connect,
    Stage.PLAYING: play,
    Stage.CHECKING: check,
}
