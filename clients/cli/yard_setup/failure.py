"""What can go wrong during set-up, each with what helps."""

import re
from pathlib import Path
from typing import Final

NO_SSH: Final = (
    "no ssh client was found; Ansible reaches the game servers through it",
    "on Debian or Ubuntu: apt-get install openssh-client",
)
PIP_FAILURES: Final = (
    (
        re.compile(r"No space left on device"),
        "the disk became full during set-up",
        "free some space (700 MB are enough) and start again",
    ),
    (
        re.compile(r"DO NOT MATCH THE HASHES"),
        "a downloaded package is not the one that was pinned",
        "do not go on if this persists: the package index in use hands out altered files",
    ),
    (
        re.compile(
            r"NewConnectionError|NameResolutionError|name resolution|ConnectTimeout|ReadTimeout"
            r"|ProxyError|Network is unreachable|Connection refused|SSLError"
        ),
        "the package index cannot be reached",
        "check the network or proxy (HTTPS_PROXY), or name a mirror in PIP_INDEX_URL",
    ),
    (
        re.compile(r"No matching distribution found"),
        "a pinned package is not offered for this Python or this machine",
        "use Python 3.11, 3.12 or 3.13 on Linux (x86-64 or arm64)",
    ),
)


class SetupFailed(Exception):
    """The environment could not be made. Carries the reason and what helps."""

    def __init__(self, reason: str, remedy: str) -> None:
        super().__init__(reason)
        self.remedy = remedy


def explain(setup_log: Path) -> SetupFailed:
    """Turn pip's last words into a reason and a remedy."""
    text = setup_log.read_text(errors="replace")
    for pattern, reason, remedy in PIP_FAILURES:
        if pattern.search(text):
            return SetupFailed(reason, f"{remedy}; details are in {setup_log}")
    last = " / ".join(line.strip() for line in text.splitlines()[-3:])
    return SetupFailed(f"pip failed: {last}", f"read {setup_log}, then start again")
