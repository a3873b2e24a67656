"""A template that is built: which files there are and how one is found again."""

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

# Written last: a folder without it is no template.
MARK: Final = "template.json"
LATEST: Final = "latest"
BUILT: Final = "built"
IMPORTED: Final = "imported"


@dataclass(frozen=True, slots=True, kw_only=True)
class Template:
    """What a guest boots from. ``digest`` names the recipe, or the image it was imported from.

    ``has_gate``: a boot can be made to wait where golden states are saved.
    """

    directory: Path
    digest: str
    suite: str
    kernel_version: str
    origin: str = BUILT
    extras: tuple[str, ...] = ()  # packages beyond what every guest needs
    root: str = "/dev/vda1"  # where its system is, in the guest's words
    has_gate: bool = False

    @property
    def kernel(self) -> Path:
        return self.directory / "vmlinuz"

    @property
    def initrd(self) -> Path:
        return self.directory / "initrd.img"

    @property
    def probe(self) -> Path | None:
        """A first stage that says it lives and switches off: see the accelerator's probe.

        None for an imported image: its own first stage knows nothing of probes.
        """
        return self.directory / "probe.img" if self.origin == BUILT else None

    @property
    def disk(self) -> Path:
        return self.directory / "disk.qcow2"

    @property
    def brings_agent(self) -> bool:
        """Tell whether the guest agent is in it; a cloud image has to install it first."""
        return self.origin == BUILT

    @property
    def golden(self) -> Path:
        """Where the states of its boots are kept: they go when the template goes."""
        return self.directory / "golden"


def load_template(directory: Path) -> Template | None:
    """Read a finished template; None if there is none or it is not whole."""
    try:
        told: dict[str, Any] = json.loads((directory / MARK).read_text())
        template = Template(
            directory=directory.resolve(),
            digest=str(told["digest"]),
            suite=str(told["suite"]),
            kernel_version=str(told["kernel_version"]),
            origin=str(told.get("origin", BUILT)),
            extras=tuple(map(str, told.get("extras", ()))),
            root=str(told.get("root", "/dev/vda1")),
            has_gate=bool(told.get("has_gate", False)),
        )
    except (OSError, ValueError, KeyError):
        return None
    files = (template.kernel, template.initrd, template.probe, template.disk)
    return template if all(file is None or file.is_file() for file in files) else None


def templates_in(cache: Path) -> Iterator[Template]:
    """Return the templates that are kept there, by digest."""
    for mark in sorted(cache.glob(f"*/{MARK}")):
        if template := load_template(mark.parent):
            yield template


def latest_template(cache: Path) -> Template | None:
    """Return the template that was built or asked for last in this cache."""
    try:
        return load_template(cache / (cache / LATEST).read_text().strip())
    except OSError:
        return None


def save_mark(template: Template) -> None:
    """Declare the template in its folder finished."""
    told = {name: told for name, told in asdict(template).items() if name != "directory"}
    (template.directory / MARK).write_text(json.dumps(told) + "\n")
