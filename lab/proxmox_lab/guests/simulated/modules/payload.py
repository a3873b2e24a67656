"""What ansible-core 2.19 sends to python: a wrapper script that ends in a call with everything.

The script's last lines are ``_ansiballz_main(`` and one ``name=literal,`` a line. The module's own
code (``zip_data``) is not looked at: the model answers in its place.
"""

import ast
import json
from dataclasses import dataclass
from typing import cast

CALL = "\n    _ansiballz_main(\n"
WANTED = ("module_fqn=", "params=", "profile=")
OWN = "_ansible_"
COLLECTION_PARTS = ("ansible", "modules")


class NotAModule(Exception):
    """The input of python is no module of ansible-core's."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Payload:
    """One module call: its name, what the user gave, and what Ansible adds."""

    module: str
    given: dict[str, object]
    check: bool = False
    diff: bool = False


def read_payload(data: bytes) -> Payload:
    """The call inside the script; raises ``NotAModule``."""
    head, found, tail = data.decode(errors="replace").rpartition(CALL)
    if not found or "_ansiballz" not in head:
        raise NotAModule("python was given something else than a module of ansible-core 2.19")
    literals: dict[str, str] = {}
    for line in tail.splitlines():
        for name in WANTED:
            if line.startswith(name):
                literals[name] = str(ast.literal_eval(line[len(name) :].rstrip(",")))
    arguments = cast("dict[str, object]", json.loads(literals["params="])["ANSIBLE_MODULE_ARGS"])
    return Payload(
        module=_short_name(literals["module_fqn="]),
        given={name: value for name, value in arguments.items() if not name.startswith(OWN)},
        check=bool(arguments.get("_ansible_check_mode")),
        diff=bool(arguments.get("_ansible_diff")),
    )


def _short_name(module: str) -> str:
    """``ansible.modules.copy`` is ``copy``; a collection's module keeps its full name."""
    parts = tuple(module.split("."))
    return parts[-1] if parts[: len(COLLECTION_PARTS)] == COLLECTION_PARTS else module
