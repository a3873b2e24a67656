"""What has a name and no file of its own: packages of the distribution, apps of Steam's.

Which version a guest got, only the guest can tell, after the playbook.
"""

from typing import Final

from common.contracts.base import now
from common.contracts.servers import Lock
from provisioner.domain.lock import Wish

APT_NOTE: Final = "Another VM gets what its distribution has by then."
STEAM_NOTE: Final = "Steam gives out a branch's newest build only: another VM may get another one."


def apt(wish: Wish) -> Lock:
    """Return the lock of packages, still without their versions."""
    return _lock(wish, version="", note=APT_NOTE)


def steam(wish: Wish) -> Lock:
    """Return the lock of an app's branch, still without its build."""
    branch = wish.version if "setting" in wish.source else wish.source.get("branch")
    return _lock(wish, version=branch or "public", note=STEAM_NOTE)


def _lock(wish: Wish, *, version: str, note: str) -> Lock:
    return Lock(
        game=wish.game,
        variant=wish.variant,
        version=version,
        definition=wish.definition,
        resolved_at=now(),
        note=note,
    )
