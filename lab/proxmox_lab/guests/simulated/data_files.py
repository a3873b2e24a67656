"""The tables of this package, read once: what a guest knows is data, not branches."""

import json
from functools import cache
from importlib.resources import files

import yaml

PACKAGE = "proxmox_lab.guests.simulated"


@cache
def table(name: str) -> object:
    """The content of ``data/NAME`` (YAML or JSON); callers must not change it."""
    text = files(PACKAGE).joinpath("data", name).read_text(encoding="utf-8")
    return json.loads(text) if name.endswith(".json") else yaml.safe_load(text)
