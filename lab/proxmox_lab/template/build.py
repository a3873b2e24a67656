"""Build the template once per recipe and keep it: packages, tree, disk, first stage.

mmdebstrap -> tar -> (root or fakeroot) tree, customised -> raw disk -> qcow2
"""

import platform
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Final

from proxmox_lab.template import initrd
from proxmox_lab.template.built import LATEST, Template, load_template, save_mark
from proxmox_lab.template.command import CommandFailed, Progress, run
from proxmox_lab.template.identity_maps import identity_map_remedy
from proxmox_lab.template.kept import (
    CannotBuild,
    alone_in,
    publish,
    refuse_without_room,
    work_folder,
)
from proxmox_lab.template.recipe import SCRIPTS, Recipe
from proxmox_lab.template.required_tools import missing_tools, remedy

_MIB_NEEDED: Final = 3500
# What a command's last lines say -> what helps.
_REMEDIES: Final = {
    "Unable to locate package": "correct the names given to --with: Debian has no such package",
    "has no installation candidate": "correct the names given to --with: it cannot be installed",
    "Could not allocate block": "the packages do not fit: name fewer of them with --with",
}


def build(
    cache: Path, recipe: Recipe, *, progress: Progress, guest_proxy: str = "", root: bool
) -> Template:
    """Return the recipe's template, building it if the cache has none."""
    with alone_in(cache, progress):
        template = load_template(cache / recipe.digest)
        if template is None:
            _refuse_if_impossible(cache, root=root)
            template = _build_afresh(
                cache, recipe, progress=progress, guest_proxy=guest_proxy, root=root
            )
        (cache / LATEST).write_text(recipe.digest)
        return template


def _refuse_if_impossible(cache: Path, *, root: bool) -> None:
    if platform.machine() not in ("x86_64", "amd64"):
        raise CannotBuild(
            f"the template is built on amd64 only, this is {platform.machine()}",
            remedy="use simulated guests here",
        )
    missing = missing_tools(root=root)
    if missing:
        names = ", ".join(f"{tool.name} (to {tool.needed_to})" for tool in missing)
        raise CannotBuild(f"missing: {names}", remedy=remedy(missing, root=root))
    maps = None if root else identity_map_remedy()
    if maps is not None:
        raise CannotBuild("this user has no subordinate user and group ids", remedy=maps)
    refuse_without_room(cache, _MIB_NEEDED)


def _build_afresh(
    cache: Path, recipe: Recipe, *, progress: Progress, guest_proxy: str, root: bool
) -> Template:
    with work_folder(cache) as work:
        finished = work / "template"
        finished.mkdir()
        tar, tree, raw = work / "system.tar", work / "tree", work / "disk.raw"
        try:
            progress("packages", f"Debian {recipe.suite}, {len(recipe.packages)} packages")
            run(install_command(recipe, tar, root=root), work, _apt_lines(progress))
            version = _unpack_kernel(tar, work, finished)
            progress("disk", "writing the disk")
            assemble = _as_owner(root, "sh", str(SCRIPTS / "assemble.sh"), str(tar), str(tree))
            proxy = {"GUEST_PROXY": guest_proxy}
            run((*assemble, str(raw), str(recipe.disk_mib)), work, _quiet, environment=proxy)
            shrink = ("qemu-img", "convert", "-O", "qcow2", str(raw), f"{finished}/disk.qcow2")
            run(shrink, work, _quiet)
        except CommandFailed as failure:
            raise CannotBuild(
                f"{failure.name} failed: {failure.last_lines}", remedy=_remedy_of(failure)
            ) from failure
        progress("kernel", f"packing the first stage for Linux {version}")
        _pack_first_stages(tree, finished)
        save_mark(
            Template(
                directory=finished,
                digest=recipe.digest,
                suite=recipe.suite,
                kernel_version=version,
                extras=recipe.extras,
                has_gate=True,
            )
        )
        return publish(finished, cache / recipe.digest)


def _remedy_of(failure: CommandFailed) -> str:
    for sign, what_helps in _REMEDIES.items():
        if sign in failure.last_lines:
            return what_helps
    return "read the lines above; is the Debian mirror reachable from here?"


def install_command(recipe: Recipe, tar: Path, *, root: bool) -> tuple[str, ...]:
    """Return how the suite is installed into a tar archive."""
    return (
        "mmdebstrap",
        f"--mode={'root' if root else 'unshare'}",
        "--variant=minbase",
        "--format=tar",
        "--skip=cleanup/apt/lists",  # a guest's update then brings only what is newer
        '--aptopt=APT::Install-Recommends "false"',
        '--aptopt=Acquire::Languages "none"',
        *((f'--aptopt=Acquire::http::Proxy "{recipe.proxy}"',) if recipe.proxy else ()),
        "--dpkgopt=force-unsafe-io",
        "--dpkgopt=path-exclude=/usr/share/man/*",
        "--dpkgopt=path-include=/usr/share/man/man[1-9]",
        "--dpkgopt=path-exclude=/usr/share/doc/*",
        "--dpkgopt=path-include=/usr/share/doc/*/copyright",
        "--dpkgopt=path-exclude=/usr/share/locale/*",
        f"--include={','.join(recipe.packages)}",
        recipe.suite,
        str(tar),
        *recipe.sources,
    )


def _as_owner(root: bool, *command: str) -> tuple[str, ...]:
    return command if root else ("fakeroot", "--", *command)


def _unpack_kernel(tar: Path, work: Path, finished: Path) -> str:
    """Take the kernel out before the tree drops its /boot; return its version."""
    run(("tar", "-C", str(work), "--wildcards", "-xf", str(tar), "./boot/vmlinuz-*"), work, _quiet)
    kernel = max((work / "boot").iterdir())
    shutil.copyfile(kernel, finished / "vmlinuz")
    return kernel.name.removeprefix("vmlinuz-")


def _pack_first_stages(tree: Path, finished: Path) -> None:
    init, probe = (SCRIPTS / "init").read_bytes(), (SCRIPTS / "probe-init").read_bytes()
    (finished / "initrd.img").write_bytes(initrd.pack(tree, init))
    (finished / "probe.img").write_bytes(initrd.pack(tree, probe, with_modules=False))


def _apt_lines(progress: Progress) -> Callable[[str], None]:
    def tell(line: str) -> None:
        if line.startswith("I: "):
            progress("packages", line.removeprefix("I: ").rstrip("."))

    return tell


def _quiet(_line: str) -> None:
    """Say nothing; a failure quotes the last lines itself."""
