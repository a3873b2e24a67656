"""The certificate the lab shows, which may change while it runs."""

import asyncio
import ssl
from collections.abc import Callable
from pathlib import Path
from typing import Literal

from proxmox_lab.tls import CA_KEY, ensure_certificates, make_certificates

Authority = Literal["same", "other"]


class Certificate:
    """A TLS server's context over a folder; ``changed`` is told of every change."""

    def __init__(self, directory: Path, *, host: str) -> None:
        ensure_certificates(directory, host=host)
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._directory = directory
        self._host = host
        self.changed: Callable[[], None] = lambda: None
        self._show(directory)

    async def change(self, authority: Authority) -> None:
        """Show a new certificate from the next connection on; ``other``: of a CA made for it."""
        signer = self._directory if authority == "same" else None
        if signer is not None and not (signer / CA_KEY).exists():
            signer = None  # a folder of an older lab: its CA's key was never kept
        place = self._directory / "other"
        await asyncio.to_thread(make_certificates, place, host=self._host, authority=signer)
        self._show(place)
        self.changed()

    def restore(self) -> None:
        """Show the first certificate again."""
        self._show(self._directory)
        self.changed()

    def _show(self, place: Path) -> None:
        self.context.load_cert_chain(place / "cert.pem", place / "key.pem")
