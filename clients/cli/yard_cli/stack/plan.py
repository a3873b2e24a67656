"""Which processes make the stack, and what each is told: the wiring as one table."""

import sys
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from pydantic import BaseModel

from yard_cli.private_file import write_private
from yard_cli.settings import ROOT, inherited
from yard_cli.stack import nats_conf, stand_ins, webhooks
from yard_cli.stack.folder import DataFolder
from yard_cli.stack.ports import HOST, Ports
from yard_cli.stack.process import ProcessSpec
from yard_cli.stack.readiness import answers_http, answers_nats
from yard_cli.stack.secrets import Secrets

BIN: Final = Path(sys.executable).parent
MODULES: Final = {
    "gateway": "gateway.main",
    "vm-service": "vm_service.main",
    "provisioner": "provisioner.main",
    "log-service": "log_service.main",
}
# Those who take in work stop first, then who records it, then what they all stand on.
STOPS_IN: Final = {"log-service": 1, "lab": 2, "nats": 3}
PATIENCE: Final = {"log-service": 3.0, "lab": 3.0, "nats": 2.0}
GATEWAY: Final = "10.77.0.1"  # of the guests' network; behind it, real guests find this machine
DRAINS: Final = 9.0  # a little more than a service gives its open requests


class LabToken(BaseModel, frozen=True):
    """The API token the lab made for us."""

    token_id: str
    secret: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """One installation: where it keeps things, where it listens, what it knows."""

    folder: DataFolder
    ports: Ports
    secrets: Secrets
    guests: str = "simulated"
    playbooks: Path = ROOT / "playbooks"
    stand_ins: bool = False


def foundations(site: Site) -> list[ProcessSpec]:
    """Describe what the services stand on: the bus and the lab, and what stands in for games."""
    return [_nats(site), _lab(site), *([_stand_ins(site)] if site.stand_ins else ())]


def services(site: Site) -> list[ProcessSpec]:
    """Describe the four services; the lab has made its token by then."""
    settings = _settings(site)
    return [
        ProcessSpec(
            name=name,
            command=(sys.executable, "-m", module),
            log_file=site.folder.log(name),
            environment=inherited(BIN) | _common(site, name) | _prefixed(settings[name]),
            is_ready=answers_http(f"{site.ports.url(name)}/readyz"),
            stops_in=STOPS_IN.get(name, 0),
            patience=PATIENCE.get(name, DRAINS),
        )
        for name, module in MODULES.items()
    ]


def _nats(site: Site) -> ProcessSpec:
    configuration = site.folder.path / "nats" / "nats.conf"
    text = nats_conf.render(
        name=site.secrets.install_id,
        host=HOST,
        port=site.ports.of("nats"),
        store=site.folder.path / "nats" / "store",
        passwords=site.secrets.nats,
    )
    write_private(configuration, text.encode())
    return ProcessSpec(
        name="nats",
        command=(str(BIN / "nats-server"), "-c", str(configuration)),
        log_file=site.folder.log("nats"),
        environment=inherited(BIN),
        is_ready=answers_nats(HOST, site.ports.of("nats")),
        stops_in=STOPS_IN["nats"],
        patience=PATIENCE["nats"],
    )


def _lab(site: Site) -> ProcessSpec:
    return ProcessSpec(
        name="lab",
        command=(
            *(sys.executable, "-m", "proxmox_lab", "--data", str(site.folder.lab)),
            *("--host", HOST, "--port", str(site.ports.of("lab")), "--guests", site.guests),
            *(("--stop-guests",) if site.guests == "qemu" else ()),
        ),
        log_file=site.folder.log("lab"),
        environment=inherited(BIN),
        is_ready=lab_answers(site.folder, site.ports),
        stops_in=STOPS_IN["lab"],
        patience=PATIENCE["lab"],
    )


def _stand_ins(site: Site) -> ProcessSpec:
    return ProcessSpec(
        name=stand_ins.NAME,
        command=stand_ins.command(site.ports),
        log_file=site.folder.log(stand_ins.NAME),
        environment=inherited(BIN),
        is_ready=answers_http(f"{site.ports.url(stand_ins.NAME)}/"),
        stops_in=STOPS_IN["lab"],
        patience=PATIENCE["lab"],
    )


def _common(site: Site, service: str) -> dict[str, str]:
    return _prefixed(
        {
            "DATABASE_URL": site.folder.database_url(service),
            "NATS_URL": f"nats://{HOST}:{site.ports.of('nats')}",
            "NATS_USER": service,
            "NATS_PASSWORD": site.secrets.nats[service],
            "HOST": HOST,
            "PORT": str(site.ports.of(service)),
            "INSTALL_ID": site.secrets.install_id,
        }
    )


def _settings(site: Site) -> Mapping[str, Mapping[str, str]]:
    token = LabToken.model_validate_json((site.folder.lab / "token.json").read_bytes())
    issuer = site.ports.url("gateway")
    return {
        "gateway": {
            "TOKEN_KEY_FILE": str(site.folder.path / "keys" / "token.pem"),
            "SEALING_KEY_FILE": str(site.folder.sealing_key),
            "HYPERVISOR_KEY_FILE": str(site.folder.hypervisor_key),
            "SETUP_TOKEN": site.secrets.setup_token,
            "GAMES_DIR": str(site.playbooks / "games"),
            "PUBLIC_LOG_URL": site.ports.url("log-service"),
            "ISSUER": issuer,
            **webhooks.told(site.ports),
        },
        "vm-service": {
            "PROXMOX_URL": site.ports.url("lab"),
            "PROXMOX_TOKEN_ID": token.token_id,
            "PROXMOX_TOKEN_SECRET": token.secret,
            "PROXMOX_CA_FILE": str(lab_ca(site.folder)),
            "PROXMOX_TEMPLATE": "9000",
            "PROXMOX_POOL": "spawnyard",
            "ADDRESS_POOL": "10.77.0.0/16",
            "ADDRESS_GATEWAY": GATEWAY,
            "HYPERVISOR_KEY_FILE": str(site.folder.hypervisor_key),
            "SSH_PUBLIC_KEY_FILE": str(site.folder.ssh_key.with_suffix(".pub")),
            "GUEST_USER": "yard",
            "REACH": "url",
            "REACH_URL": f"{site.ports.url('lab')}/lab/vms/{{vmid}}/endpoint",
        },
        "provisioner": _provisioner(site),
        "log-service": {
            "JWKS_URL": f"{issuer}/.well-known/jwks.json",
            "ISSUER": issuer,
        },
    }


def _provisioner(site: Site) -> Mapping[str, str]:
    seen_by_guests = GATEWAY if site.guests == "qemu" else None  # simulated ones live on loopback
    return {
        "SSH_PRIVATE_KEY_FILE": str(site.folder.ssh_key),
        "SEALING_KEY_FILE": str(site.folder.sealing_key),
        "PLAYBOOKS_DIR": str(site.playbooks),
        "GUEST_USER": "yard",
        "RUNS_DIR": str(site.folder.path / "runs"),
        **(stand_ins.mirrors(site.ports, seen_by_guests) if site.stand_ins else {}),
    }


def lab_answers(folder: DataFolder, ports: Ports) -> Callable[[], Awaitable[bool]]:
    """Return a probe of the lab. Its Proxmox side makes those without a token wait."""
    return answers_http(f"{ports.url('lab')}/lab/vms", ca=lab_ca(folder))


def lab_ca(folder: DataFolder) -> Path:
    """Where the lab keeps the certificate that vouches for it."""
    return folder.lab / "tls" / "ca.pem"


def _prefixed(settings: Mapping[str, str]) -> dict[str, str]:
    return {f"SPAWNYARD_{name}": value for name, value in settings.items()}
