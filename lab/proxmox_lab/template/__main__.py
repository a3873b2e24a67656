"""``python -m proxmox_lab.template --cache DIR``: build the template, or say what is missing."""

import argparse
import json
import os
import signal
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import FrameType
from typing import Final

from proxmox_lab.template.apt_sources import (
    machine_proxy,
    machine_sources,
    reachable_from_guests,
)
from proxmox_lab.template.build import CannotBuild, build
from proxmox_lab.template.recipe import Recipe
from proxmox_lab.template.required_tools import missing_tools, remedy

# Shared by all data folders: a template is the same for all.
DEFAULT_CACHE: Final = Path("~/.cache/spawnyard/templates")
Say = Callable[[Mapping[str, object], str], None]


def main(arguments: Sequence[str] | None = None) -> int:
    """Return 0 when the template is there, 1 with a remedy when it cannot be."""
    options = _options().parse_args(arguments)
    say = _say_json if options.json else _say_text
    signal.signal(signal.SIGTERM, _interrupt)
    root = os.geteuid() == 0
    if options.check:
        return _check(say, root=root)
    began = time.monotonic()
    try:
        template = build(
            Path(options.cache).expanduser(),
            recipe := recipe_of_this_machine(options.suite),
            progress=lambda step, text: say(
                {"step": step, "text": text, "seconds": round(time.monotonic() - began, 1)}, text
            ),
            guest_proxy=recipe.proxy if reachable_from_guests(recipe.proxy) else "",
            root=root,
        )
    except CannotBuild as refusal:
        return _refuse(say, str(refusal), refusal.remedy)
    except KeyboardInterrupt:
        return _refuse(say, "interrupted", "run it again: nothing half-built is kept")
    took = round(time.monotonic() - began, 1)
    done = {"template": str(template.directory), "digest": template.digest, "seconds": took}
    say(done, f"template ready after {took} s: {template.directory}")
    return 0


def recipe_of_this_machine(suite: str) -> Recipe:
    """Return the recipe with this machine's own mirrors and proxy."""
    return Recipe(suite=suite, sources=machine_sources(suite), proxy=machine_proxy())


def _options() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="proxmox_lab.template", description=__doc__)
    parser.add_argument(
        "--cache", default=str(DEFAULT_CACHE), help="folder in which templates are kept"
    )
    parser.add_argument("--suite", default=Recipe().suite, help="Debian release (%(default)s)")
    parser.add_argument("--json", action="store_true", help="one JSON object a line")
    parser.add_argument("--check", action="store_true", help="only say what is missing")
    return parser


def _check(say: Say, *, root: bool) -> int:
    missing = missing_tools(root=root)
    if missing:
        names = ", ".join(tool.name for tool in missing)
        return _refuse(say, f"missing: {names}", remedy(missing, root=root))
    say({"missing": []}, "nothing is missing")
    return 0


def _refuse(say: Say, reason: str, what_helps: str) -> int:
    say({"error": reason, "remedy": what_helps}, f"error: {reason}\nremedy: {what_helps}")
    return 1


def _say_json(record: Mapping[str, object], _text: str) -> None:
    sys.stdout.write(json.dumps(record) + "\n")
    sys.stdout.flush()


def _say_text(_record: Mapping[str, object], text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def _interrupt(_number: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt


if __name__ == "__main__":
    sys.exit(main())
