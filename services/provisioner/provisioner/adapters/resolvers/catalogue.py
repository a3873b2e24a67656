"""Makes locks as the games' manifests say: one function for each kind of source."""

from dataclasses import dataclass
from pathlib import Path

from common.contracts.servers import Lock
from provisioner.adapters.resolvers import http, named, table
from provisioner.adapters.resolvers.downloads import Downloads
from provisioner.domain.errors import StepFailed
from provisioner.domain.lock import Wish


@dataclass(frozen=True, slots=True, kw_only=True)
class Resolvers:
    """The resolvers, with what they read: the games' folders, and vendors' answers."""

    playbooks: Path
    downloads: Downloads

    async def resolve(self, wish: Wish) -> Lock:
        """Return what exactly the wish means now. Raises ``NotYet`` or ``StepFailed``."""
        folder = self.playbooks / "games" / wish.game
        match wish.source.get("resolver"):
            case "apt":
                return named.apt(wish)
            case "steam":
                return named.steam(wish)
            case "table":
                return table.resolve(folder, wish)
            case "http":
                known = table.locked(folder, wish) if wish.source.get("locked") else None
                return known or await http.resolve(wish, self.downloads)
            case other:
                raise StepFailed(
                    f"nobody here can resolve {wish.game}: no source of kind {other!r}",
                    remedy="Correct the `source` in the game's manifest.",
                )
