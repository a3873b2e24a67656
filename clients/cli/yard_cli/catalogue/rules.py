"""All rules for a game's folder, and for folders side by side."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from yard_cli.catalogue.complaint import Complaint, Unreadable
from yard_cli.catalogue.folder import Entry, GameFolder, read
from yard_cli.catalogue.line_rules import line_rules
from yard_cli.catalogue.manifest_rules import manifest_rules
from yard_cli.catalogue.setting_rules import setting_rules
from yard_cli.catalogue.task_rules import task_rules


@dataclass(frozen=True, slots=True)
class House:
    """The playbooks whose schema and roles a folder is held against."""

    playbooks: Path

    @property
    def schema(self) -> Entry:
        """The schema of manifests."""
        return json.loads((self.playbooks / "schema" / "game.schema.json").read_text("utf-8"))

    def folders(self) -> Sequence[Path]:
        """Return the folders of the catalogue."""
        return sorted(path.parent for path in self.playbooks.glob("games/*/game.yml"))

    def complaints(self, folder: Path) -> Iterator[Complaint]:
        """Yield what is wrong with a folder; the neighbours' ports count too."""
        try:
            game = read(folder)
        except Unreadable as unreadable:
            yield unreadable.complaint
            return
        manifest = list(manifest_rules(game, self.schema))
        yield from manifest
        yield from setting_rules(game)
        yield from task_rules(game, self.playbooks / "roles")
        yield from _readme(folder)
        if not manifest:
            yield from line_rules(game)
            yield from self._neighbours(game)

    def _neighbours(self, game: GameFolder) -> Iterator[Complaint]:
        ours = _ports(game)
        for folder in self.folders():
            if folder.name != game.path.name and (shared := ours & _ports(read(folder))):
                names = ", ".join(f"{number}/{protocol}" for protocol, number in sorted(shared))
                wrong = f"shares {names} with {folder.name}"
                yield Complaint(place="game.yml/ports", wrong=wrong, remedy="choose another")


def _ports(game: GameFolder) -> set[tuple[str, int]]:
    return {(port["protocol"], port["number"]) for port in game.manifest.get("ports", ())}


def _readme(folder: Path) -> Iterator[Complaint]:
    readme = folder / "README.md"
    if not readme.is_file() or not readme.read_text("utf-8").startswith("# "):
        remedy = "say what it needs, which ports, where its files are"
        yield Complaint(place="README.md", wrong="is missing or has no heading", remedy=remedy)
