"""A VM's configuration in Proxmox's own manner: every value absolute, none out of a guess."""

import re
from typing import Final
from urllib.parse import quote

from common.contracts.hypervisor import Assignment, Network
from vm_service.adapters.proxmox.site import Site
from vm_service.adapters.proxmox.vetting import vetted_keys
from vm_service.domain.vm import Order

FRESH_CARD: Final = "virtio"
_CARD: Final = re.compile(r"^(?P<model>[a-z0-9-]+)(?:=(?P<mac>[0-9A-Fa-f:]{17}))?$")


def config(order: Order, site: Site, card: str) -> dict[str, object]:
    """Return what is to be set on a VM whose ``net0`` is this network card now."""
    network = order.net.network
    return {
        "name": order.name,
        "description": order.description,
        "cores": order.plan.cores,
        "cpu": order.cpu_type,
        "memory": order.plan.memory_mib,
        "onboot": order.onboot,
        "agent": "enabled=1",
        "net0": changed_card(card, network),
        "ipconfig0": ipconfig(order.net),
        "nameserver": " ".join(str(one) for one in network.nameservers) or None,
        "searchdomain": network.search_domain,
        "ciuser": site.guest_user,
        "sshkeys": quote(vetted_keys(_keys(order, site)), safe=""),
        "ciupgrade": False,  # or the first boot fights Ansible for dpkg's lock
    }


def _keys(order: Order, site: Site) -> str:
    """Return who may log in: whoever has the guest's own key, and the operators if they wish."""
    return "\n".join(keys for keys in (order.ssh_key or site.ssh_keys, site.operator_keys) if keys)


def ipconfig(net: Assignment) -> str:
    """Return the value of ``ipconfig0``."""
    network = net.network
    if net.address is None:
        return "ip=dhcp,ip6=auto" if network.subnet6 else "ip=dhcp"
    parts = [f"ip={net.address}"]
    if network.gateway:
        parts.append(f"gw={network.gateway}")
    if net.address6:
        parts.append(f"ip6={net.address6}")
        if network.gateway6:
            parts.append(f"gw6={network.gateway6}")
    return ",".join(parts)


def changed_card(net0: str, network: Network) -> str | None:
    """Return ``net0`` on the network's bridge and VLAN; none if it is there already.

    Model, MAC address and everything else stay: without its MAC, Proxmox would roll another.
    """
    card, *rest = net0.split(",") if net0 else (FRESH_CARD,)
    if not _CARD.match(card):
        card = FRESH_CARD
    pairs = (part.partition("=") for part in rest)
    options = {name: value for name, _, value in pairs if value}
    wanted = {**options, "bridge": network.bridge}
    wanted.pop("tag", None)
    if network.vlan is not None:
        wanted["tag"] = str(network.vlan)
    if net0 and wanted == options:
        return None
    return ",".join([card, *(f"{name}={value}" for name, value in wanted.items())])
