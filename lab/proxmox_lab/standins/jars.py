"""Compile a stand-in and pack its jars; the same sources give the same bytes."""

import hashlib
import io
import os
import shutil
import subprocess
import tempfile
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from proxmox_lab.template.required_tools import RequiredTool, missing_tools, remedy

SOURCES: Final = Path(__file__).parent / "minecraft_java"
# Debian's package for whichever Java that Debian has; anything from 17 on will do.
COMPILER: Final = RequiredTool(
    name="javac", package="default-jdk-headless", needed_to="compile the stand-in"
)
_RELEASE: Final = "17"
_MANIFEST: Final = "META-INF/MANIFEST.MF"
_EPOCH: Final = (1980, 1, 1, 0, 0, 0)


class CannotCompile(Exception):
    """There is no stand-in here; ``remedy`` says what would help."""

    def __init__(self, reason: str, *, remedy: str) -> None:
        super().__init__(reason)
        self.remedy = remedy


@dataclass(frozen=True, slots=True, kw_only=True)
class Jar:
    """A server's program as it is downloaded."""

    version: str
    data: bytes

    @property
    def sha1(self) -> str:
        """What vendors' manifests know a file by."""
        return hashlib.sha1(self.data, usedforsecurity=False).hexdigest()


def check_compiler() -> None:
    """Raise ``CannotCompile`` with the remedy if there is no compiler."""
    root = os.geteuid() == 0
    if missing := missing_tools(root=root, tools=(COMPILER,)):
        reason = f"missing: {COMPILER.name} (to {COMPILER.needed_to})"
        raise CannotCompile(reason, remedy=remedy(missing, root=root))


def compiled() -> Mapping[str, bytes]:
    """Return the stand-in's classes by file name."""
    check_compiler()
    javac = shutil.which(COMPILER.name) or COMPILER.name
    with tempfile.TemporaryDirectory() as folder:
        done = subprocess.run(  # noqa: S603 (our own sources)
            (
                javac,
                "--release",
                _RELEASE,
                "-Xlint:all",
                "-d",
                folder,
                *sorted(SOURCES.glob("*.java")),
            ),
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode != 0:
            why = f"javac ended with {done.returncode}: {done.stderr.strip()[-2000:]}"
            raise CannotCompile(why, remedy="a JDK from 17 on is needed: javac --version")
        return {file.name: file.read_bytes() for file in sorted(Path(folder).glob("*.class"))}


def pack(classes: Mapping[str, bytes], version: str, *, breaks: bool = False) -> Jar:
    """Return a jar of this version; one that ``breaks`` never gets ready."""
    out = io.BytesIO()
    told = {
        "Manifest-Version": "1.0",
        "Main-Class": "StandIn",
        "Implementation-Title": "Spawnyard stand-in, no game",
        "Implementation-Version": version,
        "Stand-In-Breaks": str(breaks).lower(),
    }
    manifest = "".join(f"{name}: {value}\r\n" for name, value in told.items())
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as jar:
        for name, data in {_MANIFEST: manifest.encode(), **classes}.items():
            jar.writestr(zipfile.ZipInfo(name, _EPOCH), data)
    return Jar(version=version, data=out.getvalue())
