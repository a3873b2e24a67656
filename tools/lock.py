"""Pin every dependency with its hashes: the whole project, and each package for its image.

requirements.lock, requirements-dev.lock     from the root's pyproject.toml
deploy/requirements/<package>.lock           from the package's own, no newer than the first
"""

import argparse
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

ROOT: Final = Path(__file__).parents[1]
IMAGES: Final = ROOT / "deploy" / "requirements"
PACKAGES: Final = {
    "gateway": "services/gateway",
    "vm-service": "services/vm-service",
    "provisioner": "services/provisioner",
    "log-service": "services/log-service",
    "lab": "lab",
}
COMPILE: Final = (
    *("pip", "compile", "--universal", "--python-version", "3.11", "--generate-hashes"),
    *("--no-emit-index-url", "--no-header", "--quiet"),
)


def main() -> int:
    """Write the locks anew; with ``--packages`` those of the images only."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--packages", action="store_true", help="leave the project's own locks")
    parser.add_argument("--upgrade", action="store_true", help="take newer versions where allowed")
    chosen = parser.parse_args()
    upgrade = ("--upgrade",) if chosen.upgrade else ()
    if not chosen.packages:
        compile_lock(ROOT / "requirements.lock", "pyproject.toml", *upgrade)
        compile_lock(ROOT / "requirements-dev.lock", "pyproject.toml", "--group", "dev", *upgrade)
    IMAGES.mkdir(parents=True, exist_ok=True)
    for name, folder in PACKAGES.items():
        wanted = "\n".join(requirements_of(folder))
        compile_lock(IMAGES / f"{name}.lock", "-", "-c", "requirements.lock", wanted=wanted)
    return 0


def compile_lock(target: Path, *arguments: str, wanted: str | None = None) -> None:
    """Let uv resolve what is wanted into a lock that names no host."""
    command = [*uv(), *COMPILE, *arguments, "--output-file", str(target.relative_to(ROOT))]
    done = subprocess.run(  # noqa: S603  a fixed command over our own files
        command, cwd=ROOT, input=wanted, text=True, check=False, capture_output=True
    )
    if done.returncode:
        sys.stderr.write(done.stderr)
        remedy = "is uv there? (pip install uv)"
        raise SystemExit(f"could not lock {target.name}; {remedy}")
    sys.stdout.write(f"{target.relative_to(ROOT)}\n")


def uv() -> Sequence[str]:
    """Find uv: on the path, or as a module of this Python."""
    found = shutil.which("uv")
    return [found] if found else [sys.executable, "-m", "uv"]


def requirements_of(folder: str) -> list[str]:
    """Return what a package needs from outside, with the needs of our packages under it."""
    project = read_project(folder)
    own: list[str] = project["project"]["dependencies"]
    under: list[str] = project["tool"]["spawnyard"]["packages"]
    return sorted({*own, *(need for package in under for need in requirements_of(package))})


def read_project(folder: str) -> dict[str, Any]:
    """Return a package's ``pyproject.toml``."""
    return tomllib.loads((ROOT / folder / "pyproject.toml").read_text())


if __name__ == "__main__":
    sys.exit(main())
