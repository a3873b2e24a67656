"""All rules for a game's folder."""

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from yard_cli.catalogue.complaint import Complaint, Unreadable
from yard_cli.catalogue.file_rules import file_rules
from yard_cli.catalogue.folder import SETTINGS, Entry, GameFolder, read
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
        """Yield what is wrong with a folder, whatever its files hold."""
        yield from _told("game.yml", lambda: self._of(read(folder)))
        yield from _readme(folder)

    def _of(self, game: GameFolder) -> Iterator[Complaint]:
        versions = "game.yml or versions.yml"
        manifest = list(_told(versions, lambda: manifest_rules(game, self.schema)))
        yield from manifest
        yield from _told(SETTINGS, lambda: setting_rules(game))
        files = f"install.yml or {SETTINGS}"
        yield from _told(files, lambda: task_rules(game, self.playbooks / "roles"))
        yield from _told(files, lambda: file_rules(game))
        if not manifest:
            yield from _told("lines.yml", lambda: line_rules(game))


def _told(place: str, rules: Callable[[], Iterator[Complaint]]) -> Iterator[Complaint]:
    """Let what has another form than any rule expects be a complaint, too."""
    try:
        yield from rules()
    except Unreadable as unreadable:
        yield unreadable.complaint
    except Exception as error:  # noqa: BLE001  whoever writes a game is told, whatever it is
        wrong = f"has another form than the rules expect: {error}"
        yield Complaint(place=place, wrong=wrong, remedy="compare it with a game beside it")


def _readme(folder: Path) -> Iterator[Complaint]:
    readme = folder / "README.md"
    if not readme.is_file() or not readme.read_text("utf-8").startswith("# "):
        remedy = "say what it needs, which ports, where its files are"
        yield Complaint(place="README.md", wrong="is missing or has no heading", remedy=remedy)
