"""What each step of a run does in the outside world. No transaction spans any of it."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Final

from common.contracts import events as evt
from provisioner.domain import inventory
from provisioner.domain.errors import StepFailed
from provisioner.domain.game import Game
from provisioner.domain.play import Play, plain, shown
from provisioner.domain.run import Run, Stage
from provisioner.domain.secrets import Opened, opened, texts_of
from provisioner.following import Follower
from provisioner.patience import patiently
from provisioner.task import Task

SSH_PATIENCE: Final = 300.0


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
    target = task.target
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
    game = tools.games.find(spec.game)
    found = _opened(task)
    settings = tools.games.complete(game, found.settings)
    secrets = _secret_texts(found, game)
    target = task.target
    follower = Follower(task=task, game=game, secrets=secrets)
    ended = await tools.playbooks.play(
        Play(
            name=task.run.server_id,
            playbook="site.yml",
            inventory=inventory.inventory(target),
            variables=inventory.variables(
                spec,
                unit=game.unit,
                settings=settings,
                download_base=tools.download_base,
                resumed=task.run.attempt > 1 or task.run.unfinished,
            ),
            known_hosts=inventory.known_hosts(target, task.run.host_keys),
            hang=game.hang,
            private_key=target.private_key,
            secrets=secrets,
        ),
        tell=follower.tell,
    )
    await tools.log.flush()
    if ended.status != "successful":
        raise follower.failure(ended)
    return task.run.advanced(timings=task.trace.timings)


def _opened(task: Task) -> Opened:
    """Open the spec's sealed settings, in memory; nothing of them may be told or kept."""

    def open_one(envelope: str, pointer: str) -> bytes:
        return task.tools.seals.open(envelope, server_id=task.run.server_id, pointer=pointer)

    return opened(task.vm.spec.settings, open=open_one)


def _secret_texts(found: Opened, game: Game) -> tuple[str, ...]:
    """Return what may not be told: all that was sealed, and what should have been."""
    return texts_of([*found.secrets, *(found.settings.get(name) for name in game.secrets)])


async def check(task: Task) -> Run:
    """Ask the game on its own protocol until it answers."""
    vm, tools = task.vm, task.tools
    game = tools.games.find(vm.spec.game)
    endpoint, port = vm.endpoint, game.published(vm.endpoint)
    try:
        answer = await patiently(
            lambda: tools.queries.ask(game.query_protocol, endpoint.public_host, port.public_port),
            seconds=game.ready_timeout,
            complaint=f"the game did not answer at {endpoint.public_host} port {port.public_port}",
            remedy="Read the game's last lines; check that its port can be reached from here.",
        )
    except StepFailed as failure:
        said = await tools.guests.last_lines(task.target, task.run.host_keys, unit=game.unit)
        secrets = _secret_texts(_opened(task), game)
        failure.last_lines = tuple(plain(text, secrets=secrets) for text in said)
        raise
    if task.run.is_way_back:
        return task.run.settled(_restored(task, game))
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
        timings=task.run.timings,
    )
    return task.run.settled(ready)


def _restored(task: Task, game: Game) -> evt.ServerRestored:
    endpoint = task.vm.endpoint
    return evt.ServerRestored(
        server_id=task.run.server_id,
        operation_id=task.run.operation_id,
        host=endpoint.public_host,
        ports=endpoint.ports,
        connect=game.connect_line(endpoint),
    )


STEPS: Final[Mapping[Stage, Callable[[Task], Awaitable[Run]]]] = {
    Stage.CONNECTING: connect,
    Stage.PLAYING: play,
    Stage.CHECKING: check,
}
