"""The site on disk: one file for the rules, one for the machines that grows by a line a change."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from proxmox_lab.site.journal import Journal, write_whole
from proxmox_lab.site.site import Rules, Site
from proxmox_lab.site.things import Machine

WORTH_SWEEPING: Final = 16 << 20  # bytes appended, after which both files are written anew
Watcher = Callable[[int, Machine | None], None]


class Store:
    """Reads and writes a site below one directory.

    A change is a line at the end of ``machines.jsonl``: nothing is lost when the lab is killed,
    and among thousands of machines a change costs no more than among a few. ``watch`` is told of
    every machine saved, and of every id that is gone.
    """

    def __init__(self, directory: Path, *, watch: Watcher = lambda _, __: None) -> None:
        directory.mkdir(parents=True, exist_ok=True)
        self.directory = directory
        self._watch = watch
        self._rules = Rules()
        self._machines: dict[int, Machine] = {}
        self._journal = Journal(directory / "machines.jsonl")

    @property
    def is_empty(self) -> bool:
        return not self._rules_file.exists()

    @property
    def _rules_file(self) -> Path:
        return self.directory / "site.json"

    def load(self) -> Site:
        """Read the site as it was last written."""
        rules, lines = self._rules_file.read_text(), self._single_files()
        for line in self._journal.lines():
            rules = _take(line, lines) or rules
        self._rules = Rules.model_validate_json(rules)
        self._machines = {v: Machine.model_validate_json(lines[v]) for v in sorted(lines)}
        self._sweep()
        shutil.rmtree(self.directory / "machines", ignore_errors=True)
        site = Site(self._rules)
        site.cluster.update(self._machines)
        return site

    def _single_files(self) -> dict[int, str]:
        """Labs of older versions kept a file for each machine."""
        files = (self.directory / "machines").glob("*.json")
        return {int(file.stem): file.read_text() for file in files}

    def save_all(self, site: Site) -> None:
        """Write everything."""
        self._rules = site.rules
        self._machines = dict(site.cluster)
        self._sweep()

    def save_rules(self, site: Site) -> None:
        """Write all that is not a machine."""
        self._rules = site.rules
        self._append(f'{{"rules":{site.rules.model_dump_json()}}}')

    def save_machine(self, machine: Machine) -> None:
        """Write one machine."""
        self._machines[machine.vmid] = machine
        self._append(machine.model_dump_json())
        self._watch(machine.vmid, machine)

    def forget_machine(self, vmid: int) -> None:
        """Remove a machine."""
        self._machines.pop(vmid, None)
        self._append(f'{{"gone":{vmid}}}')
        self._watch(vmid, None)

    def close(self) -> None:
        """Write the site whole and let go of the files."""
        self._sweep()

    def _append(self, line: str) -> None:
        self._journal.append(line)
        if self._journal.appended > WORTH_SWEEPING:
            self._sweep()

    def _sweep(self) -> None:
        """Write both files whole; between the two, the journal repeats what the rules say."""
        write_whole(self._rules_file, self._rules.model_dump_json(indent=1))
        self._journal.sweep(machine.model_dump_json() for machine in self._machines.values())


def _take(line: str, lines: dict[int, str]) -> str | None:
    """Take one change in; returns the rules, if it is about them."""
    try:
        entry: dict[str, Any] = json.loads(line)
    except ValueError:
        return None  # cut short when the lab was killed
    if "rules" in entry:
        return json.dumps(entry["rules"])
    if "gone" in entry:
        lines.pop(entry["gone"], None)
    else:
        lines[entry["vmid"]] = line
    return None
