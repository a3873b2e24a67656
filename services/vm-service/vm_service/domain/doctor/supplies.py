"""What there must be enough of: VM ids and addresses; and clocks that agree."""

from collections.abc import Iterator
from ipaddress import IPv4Address, ip_address
from typing import Final

from common.contracts.hypervisor import Finding
from common.contracts.networks import Network
from vm_service.domain.doctor.chart import Chart
from vm_service.domain.doctor.findings import change_setting, error, fine, listed, warning
from vm_service.domain.network import bounds, reserved
from vm_service.domain.trouble import Trouble

FEW: Final = 20
APART: Final = 30.0  # seconds
SHOWN: Final = 10


def check_ids(chart: Chart) -> Iterator[Finding]:
    """Tell whether VM ids are free, and the range ours alone."""
    if isinstance(chart.vms, Trouble):
        return
    settings = chart.settings
    ids = range(settings.vmid_first, settings.vmid_last + 1)
    inside = {vm.vmid: vm for vm in chart.vms if vm.vmid in ids}
    strangers = sorted(inside.keys() - chart.ours.vmids - set(settings.templates))
    if strangers:
        few = strangers[:SHOWN]
        yield warning(
            "ids_strangers",
            f"{len(strangers)} VMs in our range of ids are not ours",
            ", ".join(f"{vmid} ({inside[vmid].name})" for vmid in few),
            " && ".join(f"qm config {vmid}" for vmid in few),
            at="/vmid_first",
        )
    free = len(ids) - len(set(inside) | {vmid for vmid in chart.ours.vmids if vmid in ids})
    yield _supply("ids", f"VM ids {ids[0]}-{ids[-1]}", free, at="/vmid_last")


def check_addresses(chart: Chart) -> Iterator[Finding]:
    """Tell whether each network that gives addresses out has some."""
    for number, network in enumerate(chart.settings.networks):
        if network.mode == "static":
            free = _free(network, chart)
            what = f"addresses of network {network.name} ({network.subnet})"
            yield _supply("addresses", what, free, at=f"/networks/{number}/subnet")
        if network.mode == "static" and network.gateway is None:
            yield warning(
                "gateway_missing",
                f"Network {network.name} has no gateway",
                "its guests reach nobody outside, and cannot download their games",
                change_setting("name the gateway"),
                at=f"/networks/{number}/gateway",
            )


def _free(network: Network, chart: Chart) -> int:
    first, last = bounds(network)
    taken = {str(address) for address in reserved(network)} | chart.ours.addresses
    inside = [address for address in taken if _is_between(address, first, last)]
    return int(last) - int(first) + 1 - len(inside)


def _is_between(text: str, first: IPv4Address, last: IPv4Address) -> bool:
    address = ip_address(text)
    return isinstance(address, IPv4Address) and first <= address <= last


def _supply(code: str, what: str, free: int, *, at: str) -> Finding:
    if free <= 0:
        return error(f"{code}_none", f"No free {what}", "", change_setting("widen them"), at=at)
    if free < FEW:
        title = f"Few free {what}: {free}"
        return warning(f"{code}_few", title, "", change_setting("widen them"), at=at)
    return fine(code, f"Free {what}: {free}")


def check_clock(chart: Chart) -> Iterator[Finding]:
    """Tell whether Proxmox and we have the same time."""
    if chart.skew is None:
        return
    if abs(chart.skew) > APART:
        side = "ahead of" if chart.skew > 0 else "behind"
        yield warning(
            "clock",
            f"Proxmox's clock is {abs(chart.skew):.0f} s {side} ours",
            "tasks are hard to find again, and certificates may seem invalid",
            "chronyc makestep  # on the node; and here: timedatectl",
        )
    else:
        yield fine("clock", "The clocks agree")


def check_own_vms(chart: Chart) -> Iterator[Finding]:
    """Tell whether this cluster holds the VMs we made."""
    if isinstance(chart.vms, Trouble) or not chart.ours.made:
        return
    away = chart.ours.made - {vm.vmid for vm in chart.vms}
    if away:
        yield error(
            "own_vms_away",
            f"{len(away)} of our VMs are not on this cluster",
            f"{listed(sorted(away)[:SHOWN])}: another cluster, or rights are missing on the pool",
            "./yard servers  # delete them first, or put --force",
            at="/url",
        )
    else:
        yield fine("own_vms", f"All {len(chart.ours.made)} of our VMs are there")
