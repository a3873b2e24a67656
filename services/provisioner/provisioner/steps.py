"""What each step of a run does in the outside world. No transaction spans any of it."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Final

from common.contracts import events as evt
from common.contracts.servers import Lock
from provisioner.checking import check
from provisioner.domain import inventory
from provisioner.domain.errors import StepFailed
from provisioner.domain.lock import RENEWING, installed
from provisioner.domain.play import Play
from provisioner.domain.restart import Manner, takes_restart
from provisioner.domain.run import Run, Stage
from provisioner.following import Follower
from provisioner.installation import Installation, installation
from provisioner.patience import patiently
from provisioner.resolving import locked, resolve, with_what_the_guest_tells
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
    what = await asyncio.to_thread(installation, task)
    if not task.run.is_bake:
        what.game.demand_fixed_ports(task.vm.endpoint)
    lock = task.run.lock or await locked(task, what)
    follower = Follower(task=task, game=what.game, secrets=what.secrets)
    ended = await task.tools.playbooks.play(_play(task, what, lock), tell=follower.tell)
    await task.tools.log.flush()
    if ended.status != "successful":
        raise follower.failure(ended)
    if task.run.is_bake:
        return task.run.settled(_sealed(task))
    lock = await with_what_the_guest_tells(task, what.game, lock)
    return task.run.advanced(timings=task.trace.timings, lock=lock, played=what.game.played)


def _sealed(task: Task) -> evt.GuestSealed:
    """Return the fact that the guest is ready to become a template; nobody can log in any more."""
    run = task.run
    return evt.GuestSealed(
        server_id=run.server_id, operation_id=run.operation_id, timings=task.trace.timings
    )


def _play(task: Task, what: Installation, lock: Lock) -> Play:
    target, manner = task.target, _manner(task, what, lock)
    return Play(
        name=task.run.server_id,
        playbook="bake.yml" if task.run.is_bake else "site.yml",
        inventory=inventory.inventory(target),
        variables=inventory.variables(
            task.vm.spec,
            game=what.game,
            settings=what.settings,
            lock=installed(lock),
            download_base=task.tools.download_base,
            manner=manner,
        ),
        known_hosts=inventory.known_hosts(target, task.run.host_keys),
        hang=what.game.hang,
        private_key=target.private_key,
        login=inventory.login_name(target, task.run.host_keys),
        tags=manner.tags,
        secrets=what.secrets,
    )


def _manner(task: Task, what: Installation, lock: Lock) -> Manner:
    run, spec = task.run, task.vm.spec.model_copy(update={"lock": lock})
    again = run.attempt > 1 or run.unfinished
    is_another = run.played != what.game.played  # which may write more than the settings ask for
    restart = again or is_another or takes_restart(run.former, spec, quiet=what.game.quiet)
    renew = task.vm.kind in RENEWING and not lock.packages
    return Manner(again=again, restart=restart, renew=renew)


STEPS: Final[Mapping[Stage, Callable[[Task], Awaitable[Run]]]] = {
    Stage.CONNECTING: connect,
    Stage.RESOLVING: resolve,
    Stage.PLAYING: play,
    Stage.CHECKING: check,
}
