"""The site on disk: one file for the rules, one per machine, each written whole or not at all."""

import os
from pathlib import Path

from proxmox_lab.site.site import Rules, Site
from proxmox_lab.site.things import Machine


class Store:
    """Reads and writes a site below one directory."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self._machines = directory / "machines"
        self._machines.mkdir(parents=True, exist_ok=True)

    @property
    def is_empty(self) -> bool:
        return not self._rules_file.exists()

    @property
    def _rules_file(self) -> Path:
        return self.directory / "site.json"

    def load(self) -> Site:
        """Read the site as it was last written."""
        site = Site(Rules.model_validate_json(self._rules_file.read_text()))
        for file in sorted(self._machines.glob("*.json")):
            machine = Machine.model_validate_json(file.read_text())
            site.machines[machine.vmid] = machine
        return site

    def save_all(self, site: Site) -> None:
        """Write everything."""
        for machine in site.machines.values():
            self.save_machine(machine)
        self.save_rules(site)

    def save_rules(self, site: Site) -> None:
        """Write all that is not a machine."""
        write_whole(self._rules_file, site.rules.model_dump_json(indent=1))

    def save_machine(self, machine: Machine) -> None:
        """Write one machine."""
        write_whole(self._machines / f"{machine.vmid}.json", machine.model_dump_json())

    def forget_machine(self, vmid: int) -> None:
        """Remove a machine's file."""
        (self._machines / f"{vmid}.json").unlink(missing_ok=True)


def write_whole(file: Path, text: str, *, mode: int = 0o600) -> None:
    """Replace a file in one step, so that a crash leaves the old or the new one."""
    draft = file.with_name(f".{file.name}.new")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode)
    with os.fdopen(descriptor, "w") as out:
        out.write(text)
    draft.replace(file)
