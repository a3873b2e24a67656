"""Prune the templates that nothing uses any more, and the saved boots of old ones."""

import json
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from proxmox_lab.template.built import Template, latest_template, templates_in
from proxmox_lab.template.command import Progress
from proxmox_lab.template.kept import alone_in, clear_leftovers, remove
from proxmox_lab.template.required_tools import WITH_SYSTEM_FOLDERS
from proxmox_lab.template.use import let_go_by_all, machines_on

_BLOCK: Final = 512


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """A template, the bytes it takes, and by whom it is ``used``; None: by nobody."""

    template: Template
    is_current: bool
    bytes: int
    used: str | None


def look(cache: Path) -> list[Finding]:
    """Return all templates with who uses them; nothing is changed."""
    current = latest_template(cache)
    found: list[Finding] = []
    for template in templates_in(cache):
        with let_go_by_all(template) as is_free:
            found.append(_find(template, current, is_free=is_free))
    return found


def prune(cache: Path, progress: Progress) -> list[Finding]:
    """Remove what nothing uses; return the templates that went."""
    removed: list[Finding] = []
    with alone_in(cache, progress):
        clear_leftovers(cache)
        current = latest_template(cache)
        for template in templates_in(cache):
            with let_go_by_all(template) as is_free:
                found = _find(template, current, is_free=is_free)
                if found.used is None:
                    remove(template.directory)
                    removed.append(found)
                elif is_free and not found.is_current:
                    _forget_boots(template)
    return removed


def _find(template: Template, current: Template | None, *, is_free: bool) -> Finding:
    is_current = current is not None and current.directory == template.directory
    return Finding(
        template=template,
        is_current=is_current,
        bytes=_size_of(template.directory),
        used=_use_of(template, is_current=is_current, is_free=is_free),
    )


def _use_of(template: Template, *, is_current: bool, is_free: bool) -> str | None:
    if is_current:
        return "the next lab uses it"
    if not is_free:
        return "a running lab uses it"
    machines = machines_on(template)
    if machines is None:
        return f"not known, as it is older than such notes: rm -r {template.directory}"
    return f"machines that rest on it: {len(machines)}" if machines else None


def _forget_boots(template: Template) -> None:
    """Remove the boots that no disk rests on.

    The others stay whole: the template may be asked for again, and no new one could take the place
    of a disk without its state.
    """
    rested_on = _disks_below(machines_on(template))
    if rested_on is None or not template.golden.is_dir():
        return
    for folder in template.golden.iterdir():
        if folder.is_dir() and folder / "disk.qcow2" not in rested_on:
            shutil.rmtree(folder)


def _disks_below(machines: Sequence[Path] | None) -> frozenset[Path] | None:
    """Return all files the machines' disks rest on; None if one of them cannot be read."""
    if machines is None:
        return None
    found: set[Path] = set()
    for machine in machines:
        ask = (
            "qemu-img",
            "info",
            "-f",
            "qcow2",
            "--backing-chain",
            "--force-share",
            "--output=json",
        )
        done = subprocess.run(  # noqa: S603 (our own words and files)
            (*WITH_SYSTEM_FOLDERS, *ask, str(machine / "disk.qcow2")),
            capture_output=True,
            check=False,
        )
        if done.returncode != 0:
            return None
        chain: list[dict[str, Any]] = json.loads(done.stdout)
        found |= {Path(one["full-backing-filename"]) for one in chain if "backing-filename" in one}
    return frozenset(found)


def _size_of(folder: Path) -> int:
    return sum(file.lstat().st_blocks * _BLOCK for file in folder.rglob("*"))
