"""Plays a game's folder on a simulated machine: Ansible's own templating, tasks one by one.

No controller, no SSH, no process: what a task's module would be told is told to its model.
Downloads come from a table.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ansible._internal._datatag._tags import TrustedAsTemplate
from ansible.parsing.dataloader import DataLoader
from ansible.plugins.loader import filter_loader, init_plugin_loader
from ansible.template import Templar

from proxmox_lab.guests.simulated.model.files import Kind, Node
from tests.unit.lab_guests.conftest import Bench

PLAYBOOKS = Path(__file__).parents[3] / "playbooks"
BUILTIN = "ansible.builtin."
WORDS = frozenset(
    {"name", "when", "loop", "loop_control", "register", "until", "retries", "delay", "notify"}
    | {"changed_when", "check_mode", "failed_when", "vars", "no_log", "tags"}
)  # fmt: skip
LOADER = DataLoader()
init_plugin_loader([])
filter_loader.add_directory(str(PLAYBOOKS / "filter_plugins"))

Result = dict[str, Any]


class TaskFailed(Exception):
    """A task that did not succeed, with its answer."""


@dataclass(kw_only=True)
class Play:
    """One run of a folder's tasks. ``changed`` names the tasks that changed something."""

    bench: Bench
    variables: dict[str, Any]
    downloads: Mapping[str, bytes] = field(default_factory=dict[str, bytes])
    changed: list[str] = field(default_factory=list[str])
    tags: frozenset[str] = frozenset()
    notified: bool = False
    restarts: int = 0

    async def folder(self, game: Path) -> None:
        """Play what ``site.yml`` plays of the game."""
        [site] = read(PLAYBOOKS / "site.yml")
        self.variables |= site["vars"] | {"manifest": read(game / "game.yml")}
        await self.file(game / "install.yml")
        await self.flush()

    async def file(self, path: Path) -> None:
        """Play the tasks of a file."""
        for task in read(path):
            await self.task(task, path.parent)

    async def flush(self) -> None:
        """Let the handler do what was asked of it."""
        if self.notified:
            self.notified = False
            self.restarts += 1
            unit = self.variables["unit"]
            await self.module("systemd_service", name=unit, state="restarted", daemon_reload=True)

    async def task(self, task: Mapping[str, Any], folder: Path) -> None:
        """Play one task, or what it imports."""
        tags = set(task.get("tags", ()))
        if "never" in tags and not tags & self.tags:
            return
        [word] = set(task) - WORDS
        module, given = word.removeprefix(BUILTIN), task[word]
        match module:
            case "import_tasks":
                await self.file(folder / given)
            case "import_role":
                await self.role(given, task.get("vars", {}))
            case "meta":
                await self.flush()
            case _:
                await self.looped(task, module, folder)

    async def role(self, given: Mapping[str, str], told: Mapping[str, Any]) -> None:
        """Play a role with its variables."""
        role = PLAYBOOKS / "roles" / given["name"]
        for source in (role / "defaults" / "main.yml", role / "vars" / "main.yml"):
            self.variables |= read(source) if source.exists() else {}
        self.variables |= told
        await self.file(role / "tasks" / f"{given.get('tasks_from', 'main')}.yml")

    async def looped(self, task: Mapping[str, Any], module: str, folder: Path) -> None:
        """Play a task once, or for each item of its loop; keep and judge what came of it."""
        control = task.get("loop_control", {})
        results: list[Result] = []
        for place, item in enumerate(self.filled(task["loop"]) if "loop" in task else [None]):
            own = {"item": item, control.get("index_var", "place"): place}
            results.append(await self.once(task, module, folder, own) | {"item": item})
        result: Result = results[0] if "loop" not in task else {"results": results}
        result["changed"] = any(one.get("changed") for one in results)
        if "register" in task:
            self.variables[task["register"]] = result
        if result["changed"]:
            self.changed.append(task["name"])
            self.notified |= bool(self.filled(task.get("notify", [])))

    async def once(
        self, task: Mapping[str, Any], module: str, folder: Path, own: Mapping[str, Any]
    ) -> Result:
        """Play a task for one item, again as long as it says so."""
        own = {**own, **task.get("vars", {})}
        if not self.holds(task.get("when", "true"), own):
            return {"skipped": True, "changed": False}
        result: Result = {}
        for _ in range(int(self.filled(task.get("retries", 0))) + 1):
            args = self.filled(task[f"{BUILTIN}{module}"], own)
            known = dict(own)
            result = await self.answer(module, args, folder)
            known[task.get("register", "result")] = result
            if "failed_when" in task:
                result["failed"] = self.holds(task["failed_when"], known)
            if "changed_when" in task:
                result["changed"] = self.holds(task["changed_when"], known)
            done = not result.get("failed")
            if "until" in task:
                done = done and self.holds(task["until"], known)
            if done:
                return result
        raise TaskFailed(task["name"], result)

    async def answer(self, module: str, args: Any, folder: Path) -> Result:
        """Tell the module's model, or do what Ansible does without a module."""
        if module == "debug":
            return {"changed": False, "msg": args["msg"]}
        if module == "set_stats":
            self.variables |= {"stats": args["data"]}
            return {"changed": False}
        if module == "raw":
            return await self.raw(str(args))
        if module == "get_url":
            return await self.written(args, self.downloads[args["url"]])
        if module in ("template", "copy"):
            return await self.written(
                args, self.content(args, folder, template=module == "template")
            )
        return await self.module(module, **args)

    def content(self, args: Mapping[str, Any], folder: Path, *, template: bool) -> bytes:
        """What a template or a copy is to hold."""
        if template:
            home = folder if folder.parent.name == "games" else folder.parent
            text = (home / "templates" / args["src"]).read_text()
            return str(self.filled(trusted(text))).encode()
        own = (folder.parent / "files" / args["src"]).read_bytes() if "src" in args else b""
        return own or str(args["content"]).encode()

    async def raw(self, words: str) -> Result:
        """Have the machine's own shell do it."""
        done = await self.bench.sh(words)
        told = {"rc": done.code, "stdout": done.out.decode(), "changed": True}
        return told | {"failed": done.code != 0, "stderr": done.err.decode()}

    async def written(self, args: Mapping[str, Any], data: bytes) -> Result:
        """A file of this content, with owner, group and mode."""
        files, path = self.bench.machine.files, args["dest"]
        differs = files.find(path) is None or files.read(path) != data
        if differs:
            node = files.find(path) or Node(kind=Kind.FILE, mode=0o644)
            files.write(path, data, template=node)
        attributes = {name: args[name] for name in ("owner", "group", "mode") if name in args}
        result = await self.module("file", path=path, **attributes)
        return result | {"changed": result["changed"] or differs}

    async def module(self, name: str, /, **args: Any) -> Result:
        """Ask the model of a module."""
        result = await self.bench.module(name, **args)
        lines = {"stdout_lines": result["stdout"].splitlines()} if "stdout" in result else {}
        return result | lines

    def filled(self, value: Any, own: Mapping[str, Any] = {}) -> Any:
        """Whatever stands in a playbook, its templates filled in by Ansible."""
        return Templar(loader=LOADER, variables={**self.variables, **own}).template(value)

    def holds(self, condition: Any, own: Mapping[str, Any]) -> bool:
        """Whether a condition is true, by Ansible's own rules."""
        if isinstance(condition, bool):
            return condition
        templar = Templar(loader=LOADER, variables={**self.variables, **own})
        return templar.evaluate_conditional(trusted(str(condition)))


def read(path: Path) -> Any:
    """A playbook's file as Ansible reads it: its texts may be templates."""
    return LOADER.load_from_file(str(path), trusted_as_template=True)


def trusted(text: str) -> str:
    """A text of ours, which may be a template."""
    return TrustedAsTemplate().tag(text)
