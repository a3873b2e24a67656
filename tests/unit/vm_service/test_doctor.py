"""What the doctor makes of what was seen: one row per thing that can be wrong."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from common.contracts.hypervisor import ClusterSettings, Finding
from common.contracts.privileges import MACHINES, NETWORKS, STORAGES, TEMPLATES
from vm_service.domain.doctor.access import needed
from vm_service.domain.doctor.chart import Chart, Holdings, SeenStorage, SeenVM
from vm_service.domain.doctor.examination import diagnosed, shut_out
from vm_service.domain.trouble import Trouble, Verdict

GIB = 2**30
SETTINGS = ClusterSettings.model_validate(
    {
        "url": "https://pve:8006",
        "token_id": "spawnyard@pve!yard",
        "networks": [{"gateway": "10.77.0.1"}],
    }
)
STORAGE = SeenStorage(
    content=frozenset({"images", "rootdir"}), active=True, shared=False, total=500 * GIB,
    free=400 * GIB,
)  # fmt: skip
CONFIG = {
    "name": "debian", "template": "1", "agent": "enabled=1", "boot": "order=scsi0",
    "cpu": "x86-64-v2-AES", "serial0": "socket", "scsi0": "vmdata:9000/base.qcow2,size=2G",
    "ide2": "vmdata:9000/vm-9000-cloudinit.qcow2,media=cdrom",
}  # fmt: skip


def healthy(major: int = 9) -> Chart:
    rights = {
        "/pool/spawnyard": MACHINES.privileges(major),
        "/vms/9000": TEMPLATES.privileges(major),
        "/storage/vmdata": STORAGES.privileges(major),
        "/sdn/zones/localnetwork/vmbr0": NETWORKS.privileges(major),
    }
    return Chart(
        settings=SETTINGS,
        version="9.2.11" if major == 9 else "8.4.21",
        skew=0.4,
        separated=True,
        roles={role.name: role.privileges(major) for role in (MACHINES, TEMPLATES, STORAGES)},
        rights=rights,
        everywhere=rights,
        pools=frozenset({"spawnyard"}),
        nodes={"pve": True},
        vms=(SeenVM(vmid=9000, node="pve", name="debian", template=True),),
        templates={9000: CONFIG},
        storages={"pve": {"vmdata": STORAGE}},
        bridges={"pve": {"vmbr0": False}},
    )


def told(**changed: Any) -> ClusterSettings:
    return ClusterSettings.model_validate(SETTINGS.model_dump() | changed)


def without(config: Mapping[str, str], *keys: str) -> dict[str, str]:
    return {key: value for key, value in config.items() if key not in keys}


def networked(**changed: Any) -> ClusterSettings:
    return told(networks=[{"gateway": "10.77.0.1"} | changed])


def wrong(chart: Chart) -> list[Finding]:
    return [finding for finding in diagnosed(chart).findings if finding.level != "ok"]


@pytest.mark.parametrize("major", [8, 9])
def test_where_all_is_well_every_finding_says_so(major: int):
    assert wrong(healthy(major)) == []
    assert diagnosed(healthy(major)).is_healthy


ALL = healthy()
STRANGER = SeenVM(vmid=900_003, node="pve", name="theirs", template=False)

ROWS: dict[str, tuple[dict[str, Any], str, str, str]] = {
    "an old release": ({"version": "7.4.1"}, "version", "warning", "apt full-upgrade"),
    "before 8.1": ({"version": "8.0.4"}, "version", "warning", "apt full-upgrade"),
    "root's token": (
        {"settings": told(token_id="root@pam!xy")}, "token_root", "warning", "yard setup proxmox"
    ),
    "no separation": (
        {"separated": False}, "token_separation", "warning",
        "pveum user token modify spawnyard@pve yard --privsep 1",
    ),
    "a right is missing": (
        {"rights": {**healthy().rights, "/vms/9000": frozenset({"VM.Audit"})}},  # type: ignore[dict-item]
        "privileges_missing", "error",
        "pveum acl modify /vms/9000 --roles YardTemplate --users spawnyard@pve "
        "--tokens 'spawnyard@pve!yard'",
    ),
    "the role is missing too": (
        {"rights": {**healthy().rights, "/sdn/zones/localnetwork/vmbr0": frozenset()}},  # type: ignore[dict-item]
        "privileges_missing", "error", "pveum role add YardNet --privs SDN.Use && pveum acl modify",
    ),
    "the role is incomplete": (
        {
            "rights": {**healthy().rights, "/storage/vmdata": frozenset({"Datastore.Audit"})},  # type: ignore[dict-item]
            "roles": {"YardStore": frozenset({"Datastore.Audit"})},
        },
        "privileges_missing", "error",
        "pveum role modify YardStore --privs Datastore.AllocateSpace,Datastore.Audit && pveum acl",
    ),
    "too many rights": (
        {"everywhere": {"/": frozenset({"Permissions.Modify", "Sys.Modify", "VM.Audit"})}},
        "privileges_surplus", "warning",
        "pveum acl list  # then: pveum acl delete / --roles ROLE --users spawnyard@pve",
    ),
    "too many rights on the pool": (
        {
            "everywhere": {"/pool/spawnyard": MACHINES.privileges(9) | {"VM.Migrate"}},
            "roles": {"YardVM": MACHINES.privileges(9) | {"VM.Migrate"}},
        },
        "privileges_surplus", "warning", "pveum role modify YardVM --privs Pool.Audit,VM.Allocate",
    ),
    "no such pool": ({"pools": frozenset()}, "pool_missing", "error",
                     "pvesh create /pools --poolid spawnyard"),
    "an unknown node": (
        {"settings": told(nodes=["pve", "pve9"])}, "nodes_unknown", "error", "correct nodes"
    ),
    "a node is off": ({"nodes": {"pve": True, "b": False}}, "nodes_offline", "warning",
                      "pvecm status"),
    "all drained": ({"settings": told(drained=["pve"])}, "nodes_none", "error", "hypervisor set"),
    "no template": ({"vms": ()}, "template_missing", "error",
                    "yard setup proxmox --template-id 9000"),
    "a VM, no template": (
        {"vms": (SeenVM(vmid=9000, node="pve", name="d", template=False),)},
        "template_is_vm", "error", "qm template 9000",
    ),
    "no cloud-init drive": (
        {"templates": {9000: without(CONFIG, "ide2")}}, "template_cloud_init", "error",
        "qm set 9000 --ide2 vmdata:cloudinit",
    ),
    "no agent": (
        {"templates": {9000: without(CONFIG, "agent")}}, "template_agent", "error",
        "qm set 9000 --agent enabled=1",
    ),
    "agent switched off": (
        {"templates": {9000: CONFIG | {"agent": "0"}}}, "template_agent", "error",
        "qm set 9000 --agent enabled=1",
    ),
    "boots from nowhere": (
        {"templates": {9000: CONFIG | {"boot": "order=net0"}}}, "template_disk", "error",
        "qm set 9000 --boot order=scsi0",
    ),
    "no console": (
        {"templates": {9000: without(CONFIG, "serial0")}}, "template_console", "warning",
        "qm set 9000 --serial0 socket --vga serial0",
    ),
    "the usual CPU": (
        {"templates": {9000: without(CONFIG, "cpu")}}, "template_cpu", "warning",
        "qm set 9000 --cpu x86-64-v2-AES",
    ),
    "qemu64": (
        {"templates": {9000: CONFIG | {"cpu": "cputype=qemu64,flags=+aes"}}}, "template_cpu",
        "warning", "qm set 9000 --cpu x86-64-v2-AES",
    ),
    "a node without template": (
        {
            "nodes": {"pve": True, "b": True},
            "bridges": {"b": {"vmbr0": False}},
            "everywhere": {"/nodes": frozenset({"Sys.Audit"})},
        },
        "template_nodes", "warning", "make a template on each node",
    ),
    "the nodes' memory is not seen": (
        {
            "nodes": {"pve": True, "b": True},
            "bridges": {"b": {"vmbr0": False}},
            "storages": {"pve": {"vmdata": replace(STORAGE, shared=True)}},
        },
        "nodes_memory", "warning",
        "pveum role add YardNode --privs Sys.Audit && pveum acl modify /nodes --roles YardNode",
    ),
    "no such storage": ({"storages": {"pve": {}}}, "storage_missing", "error", "pvesm status"),
    "no disks there": (
        {"storages": {"pve": {"vmdata": replace(STORAGE, content=frozenset({"iso"}))}}},
        "storage_content", "error", "pvesm set vmdata --content images,iso",
    ),
    "not active": (
        {"storages": {"pve": {"vmdata": replace(STORAGE, active=False)}}}, "storage_inactive",
        "error", "pvesm set vmdata --disable 0",
    ),
    "little room": (
        {"storages": {"pve": {"vmdata": replace(STORAGE, free=15 * GIB)}}}, "storage_scarce",
        "warning", "pvesm list vmdata",
    ),
    "no room": (
        {"storages": {"pve": {"vmdata": replace(STORAGE, free=GIB)}}}, "storage_full", "error",
        "pvesm list vmdata",
    ),
    "no bridge": (
        {"bridges": {"pve": {}}}, "bridge_missing", "error",
        "pvesh create /nodes/pve/network --iface vmbr0 --type bridge",
    ),
    "a bridge without VLANs": (
        {"settings": networked(vlan=7)}, "bridge_vlan", "warning",
        "pvesh set /nodes/pve/network/vmbr0 --type bridge --bridge_vlan_aware 1",
    ),
    "strangers in our range": (
        {"vms": (*ALL.vms, STRANGER)}, "ids_strangers", "warning", "qm config 900003"  # type: ignore[misc]
    ),
    "few ids": ({"settings": told(vmid_last=900_009)}, "ids_few", "warning", "widen"),
    "no ids": (
        {
            "settings": told(vmid_last=900_000),
            "ours": Holdings(vmids=frozenset({900_000})),
        },
        "ids_none", "error", "widen",
    ),
    "few addresses": (
        {"settings": networked(subnet="10.77.0.0/28")}, "addresses_few", "warning", "widen"
    ),
    "no addresses": (
        {
            "settings": networked(subnet="10.77.0.0/30"),
            "ours": Holdings(addresses=frozenset({"10.77.0.2", "10.99.0.1"})),
        },
        "addresses_none", "error", "widen",
    ),
    "no gateway": (
        {"settings": networked(gateway=None)}, "gateway_missing", "warning", "name the gateway"
    ),
    "clocks apart": ({"skew": -90.0}, "clock", "warning", "chronyc makestep"),
    "our VMs are elsewhere": (
        {"ours": Holdings(vmids=frozenset({900_001}), made=frozenset({900_001}))},
        "own_vms_away", "error", "--force",
    ),
    "something may not be looked at": (
        {"pools": Trouble(Verdict.DENIED, "Permission check failed", "grant Pool.Audit")},
        "unseen", "warning", "grant Pool.Audit",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", ROWS)
def test_what_is_wrong_is_found_alone_with_the_command_that_repairs_it(name: str):
    changed, code, level, command = ROWS[name]
    chart = replace(healthy(8 if "version" in changed else 9), **changed)

    found = wrong(chart)

    assert {finding.code for finding in found} == {code}
    assert {finding.level for finding in found} == {level}
    assert command in (found[0].command or "")
    assert diagnosed(chart).is_healthy is (level == "warning")


def test_root_on_everything_is_told_first_and_once_for_all_that_lies_below():
    every = frozenset({"Permissions.Modify", "VM.Allocate", "VM.Clone"})
    chart = replace(
        healthy(), everywhere={"/": every, "/nodes": every, "/vms": every, "/vms/100": every}
    )

    (finding,) = wrong(chart)
    assert finding.title.endswith(" on /")


def test_rights_on_machines_of_the_pool_and_read_only_ones_are_no_surplus():
    chart = replace(
        healthy(),
        everywhere={
            "/vms/900001": MACHINES.privileges(9) | {"VM.Backup"},
            "/nodes/pve": frozenset({"Sys.Audit"}),
            "/vms": frozenset({"VM.Audit"}),
        },
    )

    assert wrong(chart) == []


def test_a_full_clone_needs_its_own_storage_on_every_node():
    chart = replace(
        healthy(),
        settings=told(clone="full", storage="fast"),
        nodes={"pve": True, "b": True},
        bridges={"pve": {"vmbr0": False}, "b": {"vmbr0": False}},
        storages={"pve": {"fast": STORAGE}, "b": {}},
    )

    assert "/storage/fast" in [grant.path for grant in needed(chart)]
    codes = [(f.code, "b" in f.title) for f in wrong(chart) if f.code == "storage_missing"]
    assert codes == [("storage_missing", True)]


@pytest.mark.parametrize(
    ("trouble", "code", "pointer"),
    [
        (Trouble(Verdict.DENIED, "Proxmox refused our token"), "token_refused", "/token_secret"),
        (Trouble(Verdict.REFUSED, "certificate verify failed"), "certificate", "/ca_pem"),
        (Trouble(Verdict.UNKNOWN, "connection refused"), "unreachable", "/url"),
    ],
)
def test_who_is_not_let_in_learns_why(trouble: Trouble, code: str, pointer: str):
    diagnosis = shut_out(SETTINGS, trouble)

    (finding,) = diagnosis.findings
    assert (finding.code, finding.level, finding.pointer) == (code, "error", pointer)
    assert finding.command
    assert not diagnosis.is_healthy
