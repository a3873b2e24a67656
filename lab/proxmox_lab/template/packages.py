"""``python -m proxmox_lab.template.packages DIR NAME...``: a package repository in a folder.

The named packages and all they depend on, verified by this machine's apt, under one index: what
apt calls a flat repository. For tests and benches, whose guests then wait for no mirror.
"""

import argparse
import hashlib
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

from proxmox_lab.template.apt_sources import machine_proxy, machine_sources
from proxmox_lab.template.command import CommandFailed, run
from proxmox_lab.template.kept import CannotBuild
from proxmox_lab.template.recipe import Recipe

INDEX: Final = "Packages"
_REMEDY: Final = "read the lines above; are the names right, and is the mirror reachable?"


def main(arguments: Sequence[str] | None = None) -> int:
    """Return 0 when the repository is there, 1 when it cannot be."""
    parser = argparse.ArgumentParser(prog="proxmox_lab.template.packages", description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("names", nargs="+")
    parser.add_argument("--suite", default=Recipe().suite, help="Debian release (%(default)s)")
    given = parser.parse_args(arguments)
    try:
        gather(given.folder, given.names, suite=given.suite)
    except CannotBuild as refusal:
        sys.stderr.write(f"error: {refusal}\nremedy: {refusal.remedy}\n")
        return 1
    return 0


def gather(folder: Path, names: Sequence[str], *, suite: str) -> None:
    """Download what is not there yet, and write the index last."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "partial").mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="lab-apt-") as work:
        options = _as_on_an_empty_machine(Path(work), folder.resolve(), suite)
        try:
            run(("apt-get", *options, "update"), Path(work), _quiet)
            install = ("install", "--yes", "--download-only", "--", *names)
            run(("apt-get", *options, *install), Path(work), _quiet)
        except CommandFailed as failure:
            raise CannotBuild(f"apt failed: {failure.last_lines}", remedy=_REMEDY) from failure
    (folder / INDEX).write_text("\n".join(_entries(folder)))


def _as_on_an_empty_machine(work: Path, archives: Path, suite: str) -> tuple[str, ...]:
    """Return apt's options: nothing is installed, so all dependencies are downloaded."""
    sources = machine_sources(suite)
    if not sources:
        raise CannotBuild(f"no mirror of {suite} is known", remedy="give apt a Debian mirror")
    (work / "sources.list").write_text("\n".join(sources) + "\n")
    (work / "status").touch()
    for name in ("lists/partial", "parts"):
        (work / name).mkdir(parents=True)
    settings = {
        "Dir::State": work,
        "Dir::State::status": work / "status",
        "Dir::Cache": work,
        "Dir::Cache::archives": archives,
        "Dir::Etc::SourceList": work / "sources.list",
        "Dir::Etc::SourceParts": work / "parts",
        "Dir::Etc::PreferencesParts": work / "parts",
        "Dir::Etc::Preferences": work / "none",
        "APT::Architecture": "amd64",
        "APT::Architectures": "amd64",
        "APT::Install-Recommends": "false",
        "Acquire::Languages": "none",
        "Debug::NoLocking": "true",
        **({"Acquire::http::Proxy": proxy} if (proxy := machine_proxy()) else {}),
    }
    return tuple(f"--option={name}={value}" for name, value in settings.items())


def _entries(folder: Path) -> Iterator[str]:
    """Describe each package as its own control file does, and where it is."""
    for file in sorted(folder.glob("*.deb")):
        told = subprocess.run(  # noqa: S603 (fixed words)
            ("/usr/bin/dpkg-deb", "--field", str(file)), capture_output=True, text=True, check=True
        ).stdout
        digest = hashlib.sha256(file.read_bytes()).hexdigest()
        place = f"Filename: ./{file.name}\nSize: {file.stat().st_size}\nSHA256: {digest}\n"
        yield told.rstrip("\n") + "\n" + place


def _quiet(_line: str) -> None:
    """Say nothing; a failure quotes the last lines itself."""


if __name__ == "__main__":
    sys.exit(main())
