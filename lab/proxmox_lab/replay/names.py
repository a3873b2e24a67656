"""Names that differ by nature: which of this lab's stands for which recorded one."""

import re
from typing import Any, Final, cast
from urllib.parse import quote

UPID: Final = re.compile(r"UPID:[^/?&\s]+:")
_NAMED: Final = frozenset({"digest", "ticket", "CSRFPreventionToken"})


class Names:
    """A dictionary of two languages, learnt while records and answers are compared."""

    def __init__(self) -> None:
        self._known: dict[str, str] = {}

    def __contains__(self, recorded: str) -> bool:
        return recorded in self._known

    def __setitem__(self, recorded: str, ours: str) -> None:
        self._known[recorded] = ours

    def translated(self, text: str) -> str:
        """Return a text with every recorded name replaced by ours, also where it is quoted."""
        for old, new in self._known.items():
            if old in text:
                text = text.replace(old, new)
            elif quote(old, safe="") in text:
                text = text.replace(quote(old, safe=""), quote(new, safe=""))
        return text

    def learn(self, recorded: object, found: object) -> None:
        """Note which name of ours stands for which recorded one."""
        if isinstance(recorded, dict) and isinstance(found, dict):
            ours = cast("dict[str, Any]", found)
            for key, value in cast("dict[str, Any]", recorded).items():
                if key in _NAMED and isinstance(ours.get(key), str):
                    self._known[str(value)] = ours[key]
                else:
                    self.learn(value, ours.get(key))
        elif isinstance(recorded, str) and isinstance(found, str) and UPID.fullmatch(recorded):
            self._known[recorded] = found
