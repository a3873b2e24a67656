"""A template that is built: which files there are and how one is found again."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

# Written last: a folder without it is no template.
MARK: Final = "template.json"
LATEST: Final = "latest"


@dataclass(frozen=True, slots=True, kw_only=True)
class Template:
    """What a guest boots from. ``digest`` names the recipe."""

    directory: Path
    digest: str
    suite: str
    kernel_version: str

    @property
    def kernel(self) -> Path:
        return self.directory / "vmlinuz"

    @property
    def initrd(self) -> Path:
        return self.directory / "initrd.img"

    @property
    def probe(self) -> Path:
        """A first stage that says it lives and switches off: see the accelerator's probe."""
        return self.directory / "probe.img"

    @property
    def disk(self) -> Path:
        return self.directory / "disk.qcow2"


def load_template(directory: Path) -> Template | None:
    """Read a finished template; None if there is none or it is not whole."""
    try:
        told: dict[str, Any] = json.loads((directory / MARK).read_text())
        template = Template(
            directory=directory.resolve(),
            digest=str(told["digest"]),
            suite=str(told["suite"]),
            kernel_version=str(told["kernel_version"]),
        )
    except (OSError, ValueError, KeyError):
        return None
    files = (template.kernel, template.initrd, template.probe, template.disk)
    return template if all(file.is_file() for file in files) else None


def latest_template(cache: Path) -> Template | None:
    """Return the template that was built or asked for last in this cache."""
    try:
        return load_template(cache / (cache / LATEST).read_text().strip())
    except OSError:
        return None


def save_mark(directory: Path, *, digest: str, suite: str, kernel_version: str) -> None:
    """Declare the template in this folder finished."""
    told = {"digest": digest, "suite": suite, "kernel_version": kernel_version}
    (directory / MARK).write_text(json.dumps(told) + "\n")
