"""Small servers of our own in the place of some games': to try things without a vendor's terms."""

import shutil
import sys
from collections.abc import Mapping
from typing import Final

from pydantic import JsonValue

from yard_cli.failure import Failure
from yard_cli.stack.ports import HOST, Ports

# Games that have one -> the settings it is deployed with: no word of a vendor is accepted by them.
SETTINGS: Final[Mapping[str, Mapping[str, JsonValue]]] = {
    "minecraft-java": {"eula": True, "version": "latest", "motd": "A stand-in, no game"}
}
NAME: Final = "stand-ins"
COMPILER: Final = "javac"


def check() -> None:
    """Raise if they cannot be made here."""
    if shutil.which(COMPILER) is None:
        raise Failure(
            "javac is missing, which compiles the stand-in",
            "sudo apt-get install --no-install-recommends default-jdk-headless"
            "   (or accept the vendor's terms: --set eula=true)",
        )


def command(ports: Ports) -> tuple[str, ...]:
    """Return the command that offers them."""
    return (sys.executable, "-m", "proxmox_lab", "standins", "--port", str(ports.of(NAME)))


def mirrors(ports: Ports, gateway: str | None) -> dict[str, str]:
    """Return what the provisioner is told; ``gateway``: what real guests call this machine."""
    port = ports.of(NAME)
    told = {"DOWNLOAD_BASE": f"http://{HOST}:{port}"}
    return told | ({"GUEST_DOWNLOAD_BASE": f"http://{gateway}:{port}"} if gateway else {})
