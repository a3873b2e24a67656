"""What VMs are cloned from: whether it is a template, with all that a guest needs to come up."""

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Final

from common.contracts.hypervisor import Finding
from vm_service.domain.doctor.chart import Chart, SeenVM, known, storages_of, volumes
from vm_service.domain.doctor.findings import change_setting, error, fine, listed, warning
from vm_service.domain.trouble import Trouble

Config = Mapping[str, str]

ON: Final = re.compile(r"^(1|on|yes|true)(,|$)|enabled=(1|on|yes|true)\b", re.IGNORECASE)
ORDER: Final = re.compile(r"order=([\w;]+)")
SLOW: Final = frozenset({"kvm64", "qemu64", "kvm32", "qemu32", "486", "pentium"})
BEFORE_ORDER: Final = ("scsi0", "virtio0", "sata0", "ide0")


def check_templates(chart: Chart) -> Iterator[Finding]:
    """Look at each template that is named."""
    if isinstance(chart.vms, Trouble):
        return
    there = {vm.vmid: vm for vm in chart.vms}
    for number, vmid in enumerate(chart.settings.templates):
        vm = there.get(vmid)
        if vm is None:
            yield _missing(chart, vmid, at=f"/templates/{number}")
        elif not vm.template:
            yield error(
                "template_is_vm",
                f"VM {vmid} is not a template",
                f"{vm.name} on {vm.node}",
                f"qm shutdown {vmid} && qm template {vmid}  # on {vm.node}",
                at=f"/templates/{number}",
            )
        else:
            config = chart.templates.get(vmid, {})
            if not isinstance(config, Trouble):
                yield from _inside(vm, config)


def _missing(chart: Chart, vmid: int, *, at: str) -> Finding:
    rights = known(chart.rights, {}).get(f"/vms/{vmid}", frozenset())
    hidden = "" if "VM.Audit" in rights else "or the token lacks VM.Audit on it"
    return error(
        "template_missing",
        f"There is no template {vmid}",
        hidden,
        f"./yard setup proxmox --template-id {vmid}  # prints the commands that make one",
        at=at,
    )


def _inside(vm: SeenVM, config: Config) -> Iterator[Finding]:
    found = [finding for check in PARTS for finding in check(vm.vmid, config)]
    yield from found
    if not any(finding.level == "error" for finding in found):
        yield fine("template", f"Template {vm.vmid} is complete", f"{vm.name} on {vm.node}")


def _cloud_init(vmid: int, config: Config) -> Iterator[Finding]:
    if any("cloudinit" in text for _, _, text in volumes(config)):
        return
    storage = next(iter(sorted(storages_of(config))), "STORAGE")
    yield error(
        "template_cloud_init",
        f"Template {vmid} has no cloud-init drive",
        "guests would get neither address nor key",
        f"qm set {vmid} --ide2 {storage}:cloudinit",
    )


def _agent(vmid: int, config: Config) -> Iterator[Finding]:
    if not ON.search(config.get("agent", "")):
        yield error(
            "template_agent",
            f"Template {vmid} does not switch the guest agent on",
            "its host key could not be proven",
            f"qm set {vmid} --agent enabled=1",
        )


def _disk(vmid: int, config: Config) -> Iterator[Finding]:
    order = ORDER.search(config.get("boot", ""))
    names = order[1].split(";") if order else BEFORE_ORDER
    disks = [key for key, _, text in volumes(config) if not _is_drive(text)]
    if any(name in disks for name in names):
        return
    have = f"it has {listed(disks)}" if disks else "it has no disk at all"
    repair = f"qm set {vmid} --boot order={disks[0]}" if disks else f"qm config {vmid}"
    yield error("template_disk", f"Template {vmid} has no disk to boot from", have, repair)


def _is_drive(text: str) -> bool:
    return "media=cdrom" in text or "cloudinit" in text


def _console(vmid: int, config: Config) -> Iterator[Finding]:
    if "serial0" not in config:
        yield warning(
            "template_console",
            f"Template {vmid} has no serial console",
            "cloud images write to it; some hang without one, and nobody sees why a boot fails",
            f"qm set {vmid} --serial0 socket --vga serial0",
        )


def _cpu(vmid: int, config: Config) -> Iterator[Finding]:
    kind = config.get("cpu", "kvm64").partition(",")[0].removeprefix("cputype=")
    if kind in SLOW:
        yield warning(
            "template_cpu",
            f"Template {vmid} has the CPU type {kind}",
            "games are slow on it, and some do not start: it has neither AES nor SSE4",
            f"qm set {vmid} --cpu x86-64-v2-AES",
        )


PARTS: Final[tuple[Callable[[int, Config], Iterator[Finding]], ...]] = (
    _cloud_init,
    _agent,
    _disk,
    _console,
    _cpu,
)


def check_reach_of_templates(chart: Chart) -> Iterator[Finding]:
    """Tell whether each node that may be used has a template it can clone from."""
    if isinstance(chart.vms, Trouble) or chart.settings.clone == "full":
        return
    homes = [vm for vm in chart.vms if vm.vmid in chart.settings.templates and vm.template]
    if not homes or any(_is_shared(chart, vm) for vm in homes):
        return
    without = set(chart.usable_nodes) - {vm.node for vm in homes}
    if without:
        yield warning(
            "template_nodes",
            f"No VMs can be made on {listed(without)}",
            "linked clones stay with their template, whose storage is not shared",
            change_setting("make a template on each node, and name them all in templates"),
            at="/templates",
        )


def _is_shared(chart: Chart, vm: SeenVM) -> bool:
    config = known(chart.templates.get(vm.vmid, {}), {})
    shown = known(chart.storages.get(vm.node, {}), {})
    return all(name in shown and shown[name].shared for name in storages_of(config))
