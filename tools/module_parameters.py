"""Writes the options of Ansible's modules, as the simulated guests check them, from ansible-doc.

python tools/module_parameters.py            writes the table
python tools/module_parameters.py --check    fails when the table differs from the installed Ansible
"""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any, Final

from proxmox_lab.guests.simulated.modules.runner import MODULES

TABLE: Final = (
    Path(__file__).resolve().parent.parent / "lab/proxmox_lab/guests/simulated/data/parameters.json"
)
KEPT: Final = ("default", "required", "aliases", "elements")


def documented() -> dict[str, dict[str, Any]]:
    """Ask the installed ansible-doc about every module the guests model."""
    names = [f"ansible.builtin.{name}" for name in MODULES]
    command = [str(Path(sys.executable).parent / "ansible-doc"), "-t", "module", "-j", *names]
    answer = subprocess.run(command, capture_output=True, check=True, text=True)  # noqa: S603  our own list
    docs: dict[str, Any] = json.loads(answer.stdout)
    return {
        name: {key: _option(value) for key, value in _options(docs, name).items()}
        for name in sorted(MODULES)
    }


def _options(docs: dict[str, Any], name: str) -> dict[str, Any]:
    return docs[f"ansible.builtin.{name}"]["doc"].get("options") or {}


def _option(written: dict[str, Any]) -> dict[str, Any]:
    option: dict[str, Any] = {"type": written.get("type", "str")}
    option |= {key: written[key] for key in KEPT if written.get(key) not in (None, False, [])}
    if written.get("choices"):
        option["choices"] = list(written["choices"])
    return option


def main() -> int:
    """Write or check."""
    rows = ",\n".join(
        f" {json.dumps(name)}: {json.dumps(options)}" for name, options in documented().items()
    )
    text = f"{{\n{rows}\n}}\n"
    if "--check" in sys.argv:
        return 0 if TABLE.read_text(encoding="utf-8") == text else 1
    TABLE.write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
