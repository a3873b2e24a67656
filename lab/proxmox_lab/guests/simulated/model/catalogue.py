"""The packages table: what apt can install, and what each brings along."""

from collections.abc import Mapping
from functools import cache
from typing import Any

from pydantic import BaseModel, TypeAdapter, model_validator

from proxmox_lab.guests.simulated.data_files import table
from proxmox_lab.guests.simulated.model.files import Kind


class NodeSpec(BaseModel, frozen=True, extra="forbid"):
    """A file, directory or link that comes with an image or a package."""

    kind: Kind = Kind.FILE
    mode: str = ""
    content: str = ""
    link: str = ""
    program: str = ""
    owner: str = "root"

    @property
    def bits(self) -> int:
        """The mode as a number: what Debian gives this kind unless the table says otherwise."""
        if self.mode:
            return int(self.mode, 8)
        return 0o755 if self.program or self.kind is Kind.DIRECTORY else 0o644


class UserSpec(BaseModel, frozen=True, extra="forbid"):
    """A user that a package's scripts make."""

    home: str
    shell: str = "/usr/sbin/nologin"
    system: bool = True


class Package(BaseModel, frozen=True, extra="forbid"):
    """One package: version, dependencies and effects."""

    name: str
    version: str
    installed: bool = False
    depends: tuple[str, ...] = ()
    files: Mapping[str, NodeSpec] = {}
    users: Mapping[str, UserSpec] = {}
    enable: tuple[str, ...] = ()
    start: tuple[str, ...] = ()

    @model_validator(mode="before")
    @classmethod
    def _numbers_are_texts(cls, value: dict[str, Any]) -> dict[str, Any]:
        return value | {"version": str(value["version"])}


@cache
def catalogue() -> Mapping[str, Package]:
    """Every package by name."""
    rows = TypeAdapter(dict[str, dict[str, Any]]).validate_python(table("packages.yml"))
    return {name: Package.model_validate({"name": name, **row}) for name, row in rows.items()}


def closure(names: list[str], installed: Mapping[str, str]) -> list[Package]:
    """The packages to install for ``names``, dependencies first, without those already there."""
    order: list[Package] = []
    seen = set(installed)

    def visit(name: str) -> None:
        if name not in seen:
            seen.add(name)
            package = catalogue()[name]
            for needed in package.depends:
                visit(needed)
            order.append(package)

    for name in names:
        visit(name)
    return order
