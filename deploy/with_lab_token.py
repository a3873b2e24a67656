"""Start the vm-service with the token the lab wrote down at its own first start (demo only)."""

import json
import os
import sys
from pathlib import Path
from typing import Final

TOKEN: Final = Path("/lab/token.json")


def main() -> None:
    """Become the vm-service."""
    token = json.loads(TOKEN.read_text())
    environment = {
        **os.environ,
        "SPAWNYARD_PROXMOX_TOKEN_ID": token["token_id"],
        "SPAWNYARD_PROXMOX_TOKEN_SECRET": token["secret"],
    }
    os.execve(sys.executable, [sys.executable, "-m", "vm_service.main"], environment)  # noqa: S606


if __name__ == "__main__":
    main()
