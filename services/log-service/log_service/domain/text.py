"""Make text from guests and tools harmless to the terminals and pages that show it."""

import re
from typing import Final

# Escape, C0 and C1 controls, and the characters that turn the direction of text around.
_DANGEROUS: Final = re.compile(
    "\x1b\\[[0-9;:]{0,40}m|[\x00-\x08\x0a-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]"
)
_PICTURES: Final = 0x2400  # Unicode shows C0 controls as pictures from here on: ␀ ␁ ␂ …
_REPLACEMENT: Final = "\ufffd"


def harmless(text: str) -> str:
    """Return the text as one line; of all controls only tabs and SGR colours stay in force."""
    return _DANGEROUS.sub(_shown, text.rstrip("\r\n"))


def _shown(match: re.Match[str]) -> str:
    found = match.group()
    if len(found) > 1:  # a colour
        return found
    if found == "\x7f":
        return "\u2421"
    return chr(_PICTURES + ord(found)) if found < " " else _REPLACEMENT
