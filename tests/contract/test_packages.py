"""Each package says what it needs, and each image installs that and nothing else, pinned."""

import ast
import re
import sys
from collections.abc import Iterator, Mapping
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

from tools import lock

ROOT = Path(__file__).parents[2]
FOLDERS = ("libs/common", *lock.PACKAGES.values(), "clients/cli")
PIN = re.compile(r"^(?P<name>[\w.-]+)==(?P<version>[^ ;\\]+)", re.MULTILINE)
COME_ALONG = {"starlette", "yarl"}  # parts of FastAPI's and aiohttp's own interfaces
OWN = {"common", "gateway", "vm_service", "provisioner", "log_service", "proxmox_lab"} | {
    "yard_cli",
    "yard_setup",
}


def named(requirement: str) -> str:
    found = re.match(r"[\w.-]+", requirement)
    assert found is not None
    return canonical(found.group())


def canonical(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def pins(text: str) -> Mapping[str, set[str]]:
    found: dict[str, set[str]] = {}
    for match in PIN.finditer(text):
        found.setdefault(canonical(match["name"]), set()).add(match["version"])
    return found


def imported(folder: str) -> Iterator[str]:
    for path in (ROOT / folder).rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Import):
                yield from (alias.name.split(".")[0] for alias in node.names)
            elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
                yield node.module.split(".")[0]


@pytest.mark.parametrize("folder", FOLDERS)
def test_a_package_declares_what_it_imports(folder: str):
    foreign = set(imported(folder)) - sys.stdlib_module_names - OWN
    of = packages_distributions()
    declared = {named(requirement) for requirement in lock.requirements_of(folder)}

    missing = {
        module
        for module in foreign
        if not declared & {canonical(name) for name in of.get(module, [module])}
    }

    assert missing - COME_ALONG == set()


@pytest.mark.parametrize("folder", FOLDERS)
def test_a_package_asks_for_the_versions_the_project_asks_for(folder: str):
    project = set(lock.read_project(".")["project"]["dependencies"])

    assert set(lock.requirements_of(folder)) - project == set()


@pytest.mark.parametrize("name", lock.PACKAGES)
def test_an_image_installs_what_its_service_needs_as_the_tests_ran_it(name: str):
    text = (lock.IMAGES / f"{name}.lock").read_text()
    of_image, of_project = pins(text), pins((ROOT / "requirements.lock").read_text())

    wanted = {named(requirement) for requirement in lock.requirements_of(lock.PACKAGES[name])}
    assert wanted <= of_image.keys(), "run `make lock`"
    assert {n: v for n, v in of_image.items() if not v <= of_project.get(n, set())} == {}
    assert text.count("--hash=sha256:") >= len(of_image)
    assert "://" not in text
