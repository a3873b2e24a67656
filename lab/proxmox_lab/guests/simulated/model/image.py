"""The disk of a fresh Debian 13 cloud image, built from the base table."""

import posixpath
from collections.abc import Mapping
from functools import cache
from pathlib import Path

from pydantic import BaseModel

from proxmox_lab.guests.simulated.data_files import table
from proxmox_lab.guests.simulated.model.accounts import Accounts, Group, User
from proxmox_lab.guests.simulated.model.catalogue import NodeSpec, catalogue
from proxmox_lab.guests.simulated.model.files import FileTree, Kind, Node


class Release(BaseModel, frozen=True, extra="forbid"):
    """What the image says it is."""

    version: str
    codename: str
    point: str
    kernel: str
    python: str


class BaseImage(BaseModel, frozen=True, extra="forbid"):
    """The base table."""

    release: Release
    directories: Mapping[str, tuple[str, ...]]
    links: Mapping[str, str]
    binaries: Mapping[str, tuple[str, ...]]
    files: Mapping[str, NodeSpec]
    users: Mapping[str, tuple[int, str, str]]
    groups: Mapping[str, int]
    running: tuple[str, ...]
    facts: Mapping[str, object]


@cache
def base_image() -> BaseImage:
    """The table, checked."""
    return BaseImage.model_validate(table("base.yml"))


def fresh_files(blobs: Path, *, now: float) -> FileTree:
    """The tree of a disk that has never booted."""
    image, tree = base_image(), FileTree(blobs=blobs)
    for mode, paths in image.directories.items():
        for path in paths:
            tree.make_directories(posixpath.dirname(path))
            tree.put(path, Node(kind=Kind.DIRECTORY, mode=int(mode, 8), mtime=now))
    for path, target in image.links.items():
        tree.put(path, Node(kind=Kind.LINK, mode=0o777, target=target, mtime=now))
    for folder, names in image.binaries.items():
        for name in names:
            place(tree, f"{folder}/{name}", NodeSpec(program=name), now=now)
    for path, spec in image.files.items():
        place(tree, path, spec, now=now)
    return tree


def fresh_accounts() -> Accounts:
    """Users and groups of a disk that has never booted."""
    image = base_image()
    accounts = Accounts({}, {name: Group(name=name, gid=gid) for name, gid in image.groups.items()})
    for name, (uid, home, shell) in image.users.items():
        group = "nogroup" if name in ("nobody", "_apt") else name
        accounts.groups.setdefault(group, Group(name=group, gid=uid))
        accounts.users[name] = User(
            name=name,
            uid=uid,
            group=group,
            home=home,
            login_shell=shell,
            system=uid < 1000,
        )
    return accounts


def fresh_packages(tree: FileTree, *, now: float) -> dict[str, str]:
    """Versions of the packages that come with the image; their files are placed."""
    installed = {name: package for name, package in catalogue().items() if package.installed}
    for package in installed.values():
        for path, spec in package.files.items():
            place(tree, path, spec, now=now)
    return {name: package.version for name, package in installed.items()}


def place(tree: FileTree, path: str, spec: NodeSpec, *, now: float) -> None:
    """Put what a table describes into the tree, with its parents."""
    tree.make_directories(posixpath.dirname(path))
    kind = Kind.LINK if spec.link else spec.kind
    node = Node(
        kind=kind,
        mode=spec.bits,
        owner=spec.owner,
        group=spec.owner,
        mtime=now,
        target=spec.link,
        program=spec.program,
    )
    if kind is Kind.FILE:
        tree.write(path, spec.content.encode(), template=node)
    elif kind is Kind.LINK or not tree.is_directory(path):
        tree.put(path, node)
