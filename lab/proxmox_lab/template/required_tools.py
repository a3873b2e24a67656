"""What must be installed to build the template and to run real guests, and how to get it."""

import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

SYSTEM_FOLDERS: Final = "/usr/local/sbin:/usr/sbin:/sbin"
# Puts the system folders, which users' PATH may lack, behind what is there already.
WITH_SYSTEM_FOLDERS: Final = ("/bin/sh", "-c", f'PATH="$PATH:{SYSTEM_FOLDERS}" exec "$@"', "sh")


@dataclass(frozen=True, slots=True, kw_only=True)
class RequiredTool:
    """A command (or file, if it begins with a slash) and the Debian package that has it."""

    name: str
    package: str
    needed_to: str
    as_root: bool = True  # False: only an ordinary user needs it


TO_RUN: Final = (
    RequiredTool(name="qemu-system-x86_64", package="qemu-system-x86", needed_to="run guests"),
    RequiredTool(name="qemu-img", package="qemu-utils", needed_to="clone disks"),
)
TO_BUILD: Final = (
    RequiredTool(name="mmdebstrap", package="mmdebstrap", needed_to="install the template"),
    RequiredTool(name="sfdisk", package="fdisk", needed_to="partition its disk"),
    RequiredTool(name="mke2fs", package="e2fsprogs", needed_to="fill its disk"),
    RequiredTool(
        name="/usr/share/keyrings/debian-archive-keyring.gpg",
        package="debian-archive-keyring",
        needed_to="verify packages",
    ),
    RequiredTool(
        name="fakeroot", package="fakeroot", needed_to="own files without root", as_root=False
    ),
    RequiredTool(
        name="newuidmap", package="uidmap", needed_to="install without root", as_root=False
    ),
)
TO_IMPORT: Final = (
    RequiredTool(name="qemu-img", package="qemu-utils", needed_to="read the image"),
    RequiredTool(name="sfdisk", package="fdisk", needed_to="read its partitions"),
    RequiredTool(name="debugfs", package="e2fsprogs", needed_to="take its kernel out"),
)


def find_tool(name: str) -> str | None:
    """Return where a command is, also in folders that only root's PATH holds."""
    return shutil.which(name) or shutil.which(name, path=SYSTEM_FOLDERS)


def missing_tools(
    *, root: bool, tools: Sequence[RequiredTool] = TO_RUN + TO_BUILD
) -> tuple[RequiredTool, ...]:
    """Return what this machine lacks of ``tools``, for root or an ordinary user."""
    needed = (tool for tool in tools if tool.as_root or not root)
    return tuple(tool for tool in needed if not _is_there(tool.name))


def remedy(missing: Sequence[RequiredTool], *, root: bool) -> str:
    """Return the command that installs what is missing."""
    packages = " ".join(sorted({tool.package for tool in missing}))
    command = f"apt-get install --yes --no-install-recommends {packages}"
    return command if root else f"sudo {command}"


def _is_there(name: str) -> bool:
    return Path(name).exists() if name.startswith("/") else find_tool(name) is not None
