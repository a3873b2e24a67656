"""All rules for a game's folder."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from yard_cli.catalogue.complaint import Complaint, Unreadable
from yard_cli.catalogue.file_rules import file_rules
from yard_cli.catalogue.folder import Entry, read
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
        """Yield what is wrong with a folder."""
        try:
            game = read(folder)
        except Unreadable as unreadable:
            yield unreadable.complaint
            return
        manifest = list(manifest_rules(game, self.schema))
        yield from manifest
        yield from setting_rules(game)
        yield from task_rules(game, self.playbooks / "roles")
        yield from file_rules(game)
        yield from _readme(folder)
        if not manifest:
            yield from line_rules(game)


def _readme(folder: Path) -> Iterator[Complaint]:
    readme = folder / "README.md"
    if not readme.is_file() or not readme.read_text("utf-8").startswith("# "):
        remedy = "say what it needs, which ports, where its files are"
        yield Complaint(place="README.md", wrong="is missing or has no heading", remedy=remedy)
