"""The examination: every check in order, over one chart."""

import re
from collections.abc import Callable, Iterator
from typing import Final
from urllib.parse import urlsplit

from common.contracts.hypervisor import ClusterSettings, Diagnosis, Finding
from vm_service.domain.doctor import access, places, supplies, templates
from vm_service.domain.doctor.chart import Chart
from vm_service.domain.doctor.findings import error, fine, quoted, warning
from vm_service.domain.trouble import Trouble, Verdict

CHECKS: Final[tuple[Callable[[Chart], Iterator[Finding]], ...]] = (
    access.check_version,
    access.check_token,
    access.check_missing,
    access.check_surplus,
    places.check_nodes,
    places.check_memory,
    places.check_pool,
    templates.check_templates,
    templates.check_reach_of_templates,
    places.check_storages,
    places.check_bridges,
    supplies.check_ids,
    supplies.check_addresses,
    supplies.check_own_vms,
    supplies.check_clock,
)

TRUST: Final = re.compile(r"certificate|fingerprint|SSL", re.IGNORECASE)


def diagnosed(chart: Chart) -> Diagnosis:
    """Return what all checks find; what could not be looked at is a finding too."""
    findings = [fine("reachable", f"Proxmox answers at {chart.settings.url}")]
    findings += [_unseen(name, trouble) for name, trouble in chart.troubles()]
    findings += [finding for check in CHECKS for finding in check(chart)]
    return Diagnosis(version=chart.version, findings=tuple(findings))


def _unseen(name: str, trouble: Trouble) -> Finding:
    return warning("unseen", f"Could not look at: {name}", trouble.text, trouble.remedy)


def shut_out(settings: ClusterSettings, trouble: Trouble) -> Diagnosis:
    """Return the diagnosis where even the first question was not answered."""
    return Diagnosis(findings=(_at_the_door(settings, trouble),))


def _at_the_door(settings: ClusterSettings, trouble: Trouble) -> Finding:
    parts = urlsplit(settings.url)
    host, port = parts.hostname or "", parts.port or 443
    if trouble.verdict is Verdict.DENIED:
        user = settings.token_id.partition("!")[0]
        return error(
            "token_refused",
            "Proxmox refused the token",
            f"{trouble.text}; its id or secret is wrong, or it has expired",
            f"pveum user token list {quoted(user)}",
            at="/token_secret",
        )
    if TRUST.search(trouble.text):
        return error(
            "certificate",
            "Proxmox's certificate is not trusted",
            trouble.text,
            f"openssl s_client -connect {host}:{port} </dev/null 2>/dev/null"
            " | openssl x509 -noout -fingerprint -sha256  # compare with the node's own",
            at="/fingerprint" if settings.fingerprint else "/ca_pem",
        )
    return error(
        "unreachable",
        f"Proxmox does not answer at {settings.url}",
        trouble.text,
        f"curl -sk {quoted(settings.url + '/api2/json/version')}  # from this machine",
        at="/url",
    )
