"""lineinfile, blockinfile and replace on the model."""

import re
from collections.abc import Callable
from dataclasses import replace as replaced

from proxmox_lab.guests.simulated.model.actor import demand_write
from proxmox_lab.guests.simulated.model.files import Kind
from proxmox_lab.guests.simulated.modules.attributes import ensure_attributes, new_node
from proxmox_lab.guests.simulated.modules.task import Answer, Refused, Task

END, START = "EOF", "BOF"


async def lineinfile(task: Task) -> Answer:
    """A line is there, once and in its place, or none like it is."""
    path, lines = _lines(task)
    step = _without_line if task.arguments.text("state") == "absent" else _with_line
    after, message = step(task, list(lines))
    changed = _write(task, path, lines, after)
    attributes = task.files.find(path) is not None and ensure_attributes(task, path)
    return {
        "changed": changed or attributes,
        "msg": message if changed else "",
        "backup": "",
        "path": path,
    }


def _without_line(task: Task, lines: list[str]) -> tuple[list[str], str]:
    matches = _matcher(task)
    kept = [line for line in lines if not matches(line)]
    return kept, f"{len(lines) - len(kept)} line(s) removed"


def _with_line(task: Task, lines: list[str]) -> tuple[list[str], str]:
    line = task.arguments.text("line")
    places = [at for at, text in enumerate(lines) if _matcher(task)(text)]
    pattern = task.arguments.optional("regexp")
    if places and (pattern or task.arguments.optional("search_string")):
        at = places[0] if task.arguments.flag("firstmatch") else places[-1]
        if task.arguments.flag("backrefs") and pattern:
            found = re.search(pattern, lines[at])
            line = found.expand(line) if found else line
        lines[at] = line
        return lines, "line replaced"
    if task.arguments.flag("backrefs") or line in lines:
        return lines, ""
    lines.insert(_place(task, lines), line)
    return lines, "line added"


def _matcher(task: Task) -> Callable[[str], bool]:
    """Which lines the arguments mean: by expression, by a part, or whole."""
    pattern, part = task.arguments.optional("regexp"), task.arguments.optional("search_string")
    line = task.arguments.optional("line")

    def by_expression(candidate: str) -> bool:
        return re.search(pattern or "", candidate) is not None

    def by_part(candidate: str) -> bool:
        return (part or "") in candidate

    def whole(candidate: str) -> bool:
        return candidate == line

    return by_expression if pattern is not None else by_part if part is not None else whole


def _place(task: Task, lines: list[str]) -> int:
    """Where new text goes: behind the last match, before it, at the start, or at the end."""
    after, before = task.arguments.optional("insertafter"), task.arguments.optional("insertbefore")
    if before == START:
        return 0
    pattern = before or (after if after not in (None, END) else None)
    if pattern is None:
        return len(lines)
    found = [at for at, text in enumerate(lines) if re.search(pattern, text)]
    if not found:
        return len(lines)
    at = found[0] if task.arguments.flag("firstmatch") else found[-1]
    return at if before else at + 1


async def blockinfile(task: Task) -> Answer:
    """A marked block is there as given, or is not."""
    path, lines = _lines(task)
    arguments = task.arguments
    marker = arguments.text("marker", "# {mark} ANSIBLE MANAGED BLOCK")
    first = marker.replace("{mark}", arguments.text("marker_begin", "BEGIN"))
    last = marker.replace("{mark}", arguments.text("marker_end", "END"))
    block = arguments.text("block").splitlines()
    wanted = [first, *block, last] if block and arguments.text("state") == "present" else []
    after = list(lines)
    if first in after and last in after:
        at = after.index(first)
        after[at : after.index(last) + 1] = wanted
    elif wanted:
        at = _place(task, after)
        after[at:at] = wanted
    changed = _write(task, path, lines, after)
    attributes = task.files.find(path) is not None and ensure_attributes(task, path)
    message = "Block inserted" if wanted else "Block removed"
    return {"changed": changed or attributes, "msg": message if changed else "", "path": path}


async def replace(task: Task) -> Answer:
    """Every match of an expression is replaced."""
    path = task.session.path(task.arguments.text("path"))
    if task.files.find(path) is None:
        raise Refused(f"Path {path} does not exist !", rc=257)
    text = task.files.text(path)
    new, count = re.subn(
        task.arguments.text("regexp"), task.arguments.text("replace"), text, flags=re.MULTILINE
    )
    if new != text and not task.check:
        demand_write(task.files, path, actor=task.actor)
        task.files.write(path, new.encode(), template=task.files.get(path))
    changed = ensure_attributes(task, path) or new != text
    return {
        "changed": changed,
        "msg": f"{count} replacements made" if new != text else "",
        "path": path,
    }


def _lines(task: Task) -> tuple[str, list[str]]:
    path = task.session.path(task.arguments.text("path"))
    if task.files.is_directory(path):
        raise Refused(f"Path {path} is a directory !", rc=256)
    if task.files.find(path) is None:
        if not task.arguments.flag("create") and task.arguments.text("state") == "present":
            raise Refused(f"Destination {path} does not exist !", rc=257)
        return path, []
    return path, task.files.text(path).splitlines()


def _write(task: Task, path: str, before: list[str], after: list[str]) -> bool:
    if before == after:
        return False
    if not task.check:
        demand_write(task.files, path, actor=task.actor)
        node = task.files.find(path) or new_node(task, Kind.FILE)
        text = "".join(f"{line}\n" for line in after)
        task.files.write(path, text.encode(), template=replaced(node, mtime=task.now()))
    return True
