"""When a status daemon last spoke before a record was made: some moment shortly before it."""

import re
from collections import deque
from typing import Final

from proxmox_lab.actions.status import speak
from proxmox_lab.call import Lab
from proxmox_lab.site.broadcast import Told

REMEMBERED: Final = 30  # changes of the site; the recorded daemon spoke every ten seconds
_HEARD: Final = re.compile(r"/(cluster/resources|pools/[^/]+)$")


class Moments:
    """Keeps what the daemons could have told at any time, and lets the lab say it again."""

    def __init__(self, lab: Lab, before: Told) -> None:
        self._lab = lab
        self._past: deque[Told] = deque(maxlen=REMEMBERED)
        if before:
            self._past.append({**speak(lab, float("inf")), **before})

    def pass_by(self) -> None:
        """Note how things are now."""
        now = speak(self._lab, float("inf"))
        if not self._past or self._past[-1] != now:
            self._past.append(now)

    def possible(self, path: str) -> list[Told | None]:
        """List the rounds that a request may be answered from, the latest first."""
        if not _HEARD.search(path):
            return [None]
        return [speak(self._lab, float("inf")), *reversed(self._past)]
