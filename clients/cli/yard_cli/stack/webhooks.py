"""Where the embedded stack's webhooks may go, and when: this machine too, no process of ours."""

from collections.abc import Mapping
from typing import Final

from yard_cli.settings import CliSettings
from yard_cli.stack.ports import BESIDES, HOST, NAMES, Ports

# The lab plays the hypervisor on this machine, for who tries things here: receivers are here, too.
LOOPBACK: Final = "127.0.0.0/8"


def told(ports: Ports) -> Mapping[str, str]:
    """Return what the gateway is told; what the environment says of networks takes their place."""
    settings = CliSettings()
    named = settings.webhook_allow_cidrs
    ours = [f"{HOST}:{ports.of(name)}" for name in (*NAMES, *BESIDES)]
    return {
        "WEBHOOK_ALLOW_CIDRS": LOOPBACK if named is None else named,
        "WEBHOOK_CLOSED": " ".join((*ours, settings.webhook_closed)).strip(),
        "WEBHOOK_RETRY_WAITS": settings.webhook_retry_waits,
    }
