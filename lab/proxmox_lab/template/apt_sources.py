"""Which mirror and proxy this machine's own apt uses; the template and its guests use them too."""

import ipaddress
import subprocess
from collections.abc import Sequence
from typing import Final
from urllib.parse import urlsplit

_FORMAT: Final = "$(REPO_URI)|$(ORIGIN)|$(LABEL)"
_SECURITY: Final = "Debian-Security"


def machine_sources(suite: str) -> tuple[str, ...]:
    """Return source lines for ``suite`` from this machine's Debian mirrors; empty if unknown.

    Only http and https mirrors count: a guest cannot reach this machine's files.
    """
    lines = _output("apt-get", "indextargets", "--format", _FORMAT, "Created-By: Packages")
    return sources_of(lines.splitlines(), suite)


def sources_of(targets: Sequence[str], suite: str) -> tuple[str, ...]:
    """Read apt's list of index targets (``uri|origin|label`` a line)."""
    found: dict[str, str] = {}
    for target in targets:
        uri, origin, label = (*target.split("|"), "", "")[:3]
        if origin == "Debian" and uri.startswith(("http://", "https://")):
            found.setdefault(label, uri)
    if "Debian" not in found or _SECURITY not in found:
        return ()
    main, security = found["Debian"], found[_SECURITY]
    return (
        f"deb {main} {suite} main",
        f"deb {main} {suite}-updates main",
        f"deb {security} {suite}-security main",
    )


def machine_proxy() -> str:
    """Return apt's HTTP proxy on this machine, or nothing."""
    return (
        _output("apt-config", "shell", "it", "Acquire::http::Proxy")
        .partition("='")[2]
        .rstrip("'\n")
    )


def reachable_from_guests(proxy: str) -> bool:
    """Tell whether a guest could use the proxy: loopback is another machine's loopback there."""
    host = urlsplit(proxy).hostname or "localhost"
    try:
        return not ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host != "localhost"


def _output(*command: str) -> str:
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=30)  # noqa: S603 (fixed words)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout if done.returncode == 0 else ""
