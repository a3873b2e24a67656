"""Where a locked file is fetched, and by what it is known to be the right one."""

import re
from collections.abc import Callable, Mapping
from typing import Final

HTTPS: Final = "https://"
CHECKSUM: Final = re.compile(r"sha1:[0-9a-f]{40}|sha256:[0-9a-f]{64}|sha512:[0-9a-f]{128}")


def mirrored(url: str, base: str) -> str:
    """Return ``url``, or its place below a mirror's ``base``: ``BASE/HOST/PATH``.

    Raises ``ValueError`` for anything but https, whatever the mirror itself speaks.
    """
    if not url.startswith(HTTPS):
        raise ValueError("a game is downloaded by https only")
    return f"{base.rstrip('/')}/{url.removeprefix(HTTPS)}" if base else url


def verified(checksum: str | None) -> str:
    """Return the checksum. Raises ``ValueError`` where there is none to hold a download against."""
    if checksum is None or not CHECKSUM.fullmatch(checksum):
        raise ValueError("a download without a checksum (sha1, sha256, sha512) is refused")
    return str(checksum)


class FilterModule:
    """What Ansible asks for the filters of this file."""

    def filters(self) -> Mapping[str, Callable[..., str]]:
        """Name the filters."""
        return {"mirrored": mirrored, "verified": verified}
