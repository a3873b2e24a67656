"""apt and package_facts on the model."""

from datetime import UTC, datetime

from proxmox_lab.guests.simulated.model.catalogue import catalogue, closure
from proxmox_lab.guests.simulated.modules.task import Answer, Refused, Task
from proxmox_lab.guests.simulated.system.apt import available, install, remove

LOCK = (
    "Failed to lock apt for exclusive operation: Failed to lock directory /var/lib/apt/lists/: "
    "E:Could not open lock file /var/lib/apt/lists/lock - open (13: Permission denied)"
)
AWAY = "Failed to update apt cache after {} retries: unknown reason"
FORBIDDEN = 101  # what a policy answers that wants nothing started
INSTALLING = frozenset({"present", "installed", "latest", "fixed", "build-dep"})


async def apt(task: Task) -> Answer:
    """Bring packages in or out, fetching the lists first when asked."""
    if not task.actor.root and not task.check:
        raise Refused(LOCK)
    updated = _update_lists(task)
    names = [name.strip() for name in task.arguments.texts("name") if name.strip()]
    answer: Answer = {
        "changed": False,
        "cache_updated": updated,
        "cache_update_time": int(task.machine.disk.lists_updated),
    }
    if not names:
        return answer | {"changed": updated}
    plain = [name.partition("=")[0].partition(":")[0] for name in names]
    wanted = task.arguments.text("state", "present")
    step = _install if wanted in INSTALLING else _remove
    return answer | await step(task, plain)


def _update_lists(task: Task) -> bool:
    valid = task.arguments.number("cache_valid_time")
    if not (task.arguments.flag("update_cache") or valid):
        return False
    if task.machine.disk.lists_updated + valid > task.now():
        return False
    if task.machine.mirror_is_away:
        raise Refused(AWAY.format(task.arguments.number("update_cache_retries", 5)))
    if not task.check:
        task.machine.disk.lists_updated = task.now()
    return True


async def _install(task: Task, names: list[str]) -> Answer:
    for name in names:
        known = available(task.machine, name) or (task.check and name in catalogue())
        if not known:
            raise Refused(f"No package matching '{name}' is available")
    missing = [name for name in names if name not in task.machine.disk.packages]
    outdated = _outdated(task, names)
    if not missing and not outdated:
        return {"changed": False}
    planned = [package.name for package in closure(missing, task.machine.disk.packages)] + outdated
    if not task.check:
        starting = task.arguments.number("policy_rc_d") != FORBIDDEN
        await install(task.machine, missing, starting=starting)
        for name in outdated:
            task.machine.disk.packages[name] = catalogue()[name].version
    lines = [f"Setting up {name} ({catalogue()[name].version}) ..." for name in planned]
    return {"changed": True, "stdout": "\n".join(lines), "stdout_lines": lines, "stderr": ""}


def _outdated(task: Task, names: list[str]) -> list[str]:
    """Return which of these are older than in the lists, where the latest are wanted."""
    if task.arguments.text("state", "present") != "latest" or not task.machine.disk.lists_updated:
        return []
    there = task.machine.disk.packages
    known = (name for name in names if name in there and name in catalogue())
    return [name for name in known if there[name] != catalogue()[name].version]


async def _remove(task: Task, names: list[str]) -> Answer:
    there = [name for name in names if name in task.machine.disk.packages]
    if not there:
        return {"changed": False}
    if not task.check:
        await remove(task.machine, there, purge=task.arguments.flag("purge"))
    text = "\n".join(f"Removing {name} ..." for name in there)
    return {"changed": True, "stdout": text, "stderr": ""}


async def package_facts(task: Task) -> Answer:
    """Versions of what is installed."""
    packages = {
        name: [{"name": name, "version": version, "arch": "amd64", "source": "apt"}]
        for name, version in task.machine.disk.packages.items()
    }
    return {"changed": False, "ansible_facts": {"packages": packages}}


def moment(stamp: float) -> str:
    """A time in the manner of module results."""
    return datetime.fromtimestamp(stamp, UTC).strftime("%Y-%m-%d %H:%M:%S.%f")
