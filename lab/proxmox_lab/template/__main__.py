"""Build the template that real guests are cloned from, or say what is missing for it."""

import argparse
import os
import re
import signal
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from types import FrameType
from typing import Final

from proxmox_lab.template.apt_sources import (
    machine_proxy,
    machine_sources,
    reachable_from_guests,
)
from proxmox_lab.template.build import build
from proxmox_lab.template.built import Template
from proxmox_lab.template.image_import import import_image
from proxmox_lab.template.inventory import tell_pruned, tell_templates, unused_in
from proxmox_lab.template.kept import CannotBuild
from proxmox_lab.template.recipe import BASE, JAVA, Recipe
from proxmox_lab.template.required_tools import missing_tools, remedy
from proxmox_lab.template.voices import Voice, voice_for

# Shared by all data folders: a template is the same for all.
DEFAULT_CACHE: Final = Path("~/.cache/spawnyard/templates")
_PACKAGE: Final = re.compile(r"[a-z0-9][a-z0-9+.-]+")
_SHA512: Final = re.compile(r"[0-9a-f]{128}")


def main(arguments: Sequence[str] | None = None) -> int:
    """Return 0 when the template is there, 1 with a remedy when it cannot be."""
    parser = command_line()
    options = parser.parse_args(arguments)
    if options.sha512 and options.image is None:
        parser.error("--sha512 belongs to --import")
    if options.image is not None and (options.java or options.packages):
        parser.error("packages cannot be added to an imported image: it is taken as it is")
    signal.signal(signal.SIGTERM, _interrupt)
    with voice_for(sys.stdout, as_json=options.json) as voice:
        if options.check:
            return _check(voice)
        if options.list:
            return tell_templates(voice, options.cache)
        if options.prune:
            return tell_pruned(voice, options.cache)
        return _make(voice, options)


def _make(voice: Voice, options: argparse.Namespace) -> int:
    began = time.monotonic()
    try:
        template = _import(voice, options) if options.image else _build(voice, options)
    except CannotBuild as refusal:
        return _refuse(voice, str(refusal), refusal.remedy)
    except KeyboardInterrupt:
        return _refuse(voice, "interrupted", "run it again: nothing half-built is kept")
    took = round(time.monotonic() - began, 1)
    done = {"template": str(template.directory), "digest": template.digest, "seconds": took}
    told = f"template ready after {took} s: {template.directory}"
    voice.say(done, told + unused_in(options.cache))
    return 0


def _build(voice: Voice, options: argparse.Namespace) -> Template:
    recipe = recipe_of_this_machine(options.suite, extras=extras_of(options))
    return build(
        options.cache,
        recipe,
        progress=voice.step,
        guest_proxy=recipe.proxy if reachable_from_guests(recipe.proxy) else "",
        root=os.geteuid() == 0,
    )


def _import(voice: Voice, options: argparse.Namespace) -> Template:
    return import_image(
        options.cache,
        options.image,
        sha512=options.sha512,
        progress=voice.step,
        root=os.geteuid() == 0,
    )


def extras_of(options: argparse.Namespace) -> tuple[str, ...]:
    named = {name for names in options.packages for name in names}
    return tuple(sorted((named | set(JAVA if options.java else ())) - set(BASE)))


def recipe_of_this_machine(suite: str, *, extras: Sequence[str] = ()) -> Recipe:
    """Return the recipe with this machine's own mirrors and proxy."""
    return Recipe(
        suite=suite,
        packages=(*BASE, *extras),
        sources=machine_sources(suite),
        proxy=machine_proxy(),
    )


def command_line() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="yard lab template", description=__doc__)
    what = parser.add_argument_group("what it is made of")
    what.add_argument("--suite", default=Recipe().suite, help="Debian release (%(default)s)")
    what.add_argument(
        "--java",
        action="store_true",
        help=f"with {' '.join(JAVA)}, so that games need not install it",
    )
    what.add_argument(
        "--with", dest="packages", metavar="PACKAGES", type=_packages, action="append", default=[],
        help="with more Debian packages: names with commas between them",
    )  # fmt: skip
    what.add_argument(
        "--import", dest="image", metavar="FILE", type=_path,
        help="take a Debian cloud image (qcow2 or raw) instead of installing packages",
    )  # fmt: skip
    what.add_argument("--sha512", type=_sha512, help="what the imported file must hash to")
    parser.add_argument(
        "--cache", type=_path, default=str(DEFAULT_CACHE), help="folder of templates (%(default)s)"
    )
    parser.add_argument("--json", action="store_true", help="one JSON object a line")
    others = parser.add_argument_group("instead of building").add_mutually_exclusive_group()
    others.add_argument("--check", action="store_true", help="say what is missing on this machine")
    others.add_argument("--list", action="store_true", help="list what is built, and who uses it")
    others.add_argument(
        "--prune", action="store_true", help="remove what nothing uses: --list tells it before"
    )
    return parser


def _path(text: str) -> Path:
    """Whole, as the build's commands run in folders of their own."""
    return Path(text).expanduser().absolute()


def _packages(text: str) -> list[str]:
    names = [name for name in re.split(r"[\s,]+", text) if name]
    for name in names:
        if not _PACKAGE.fullmatch(name):
            raise argparse.ArgumentTypeError(f"not a package's name: {name!r}")
    return names


def _sha512(text: str) -> str:
    if not _SHA512.fullmatch(text.lower()):
        raise argparse.ArgumentTypeError("must be 128 hexadecimal digits")
    return text.lower()


def _check(voice: Voice) -> int:
    root = os.geteuid() == 0
    missing = missing_tools(root=root)
    if missing:
        names = ", ".join(tool.name for tool in missing)
        return _refuse(voice, f"missing: {names}", remedy(missing, root=root))
    voice.say({"missing": []}, "nothing is missing")
    return 0


def _refuse(voice: Voice, reason: str, what_helps: str) -> int:
    voice.say({"error": reason, "remedy": what_helps}, f"error: {reason}\nremedy: {what_helps}")
    return 1


def _interrupt(_number: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt


if __name__ == "__main__":
    sys.exit(main())
