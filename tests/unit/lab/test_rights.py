"""Who may do what: roles, propagation, pools, and tokens that have less than their users."""

import pytest

from proxmox_lab.site.people import ROOT, AclEntry
from proxmox_lab.site.rights import Caller, Rights
from proxmox_lab.site.seed import POOL, TEMPLATE_ID, fresh_site
from proxmox_lab.site.site import Site
from proxmox_lab.site.things import Pool

TOKEN = Caller("spawnyard@pve", "yard")


@pytest.fixture
def site() -> Site:
    return fresh_site(major=9, now=0)[0]


def test_the_products_token_may_clone_the_template_and_nothing_else_of_it(site: Site) -> None:
    rights = Rights(site, major=9)

    assert rights.on(f"/vms/{TEMPLATE_ID}", TOKEN) == {"VM.Audit", "VM.Clone"}


def test_a_machine_in_the_pool_is_the_tokens_and_one_outside_is_not(site: Site) -> None:
    rights = Rights(site, major=9)
    site.rules.pools[POOL].machines.add(900000)

    assert rights.has(TOKEN, "/vms/900000", "VM.Allocate")
    assert not rights.has(TOKEN, "/vms/900001", "VM.Audit")


def test_a_separated_token_has_no_more_than_both_lists_give_it(site: Site) -> None:
    rights = Rights(site, major=9)
    site.rules.acl = [entry for entry in site.rules.acl if entry.kind == "user"]

    assert rights.on(f"/pool/{POOL}", TOKEN) == frozenset()
    assert rights.on(f"/pool/{POOL}", Caller("spawnyard@pve")) != frozenset()


def test_a_deeper_entry_replaces_a_higher_one(site: Site) -> None:
    site.rules.acl = [
        AclEntry(path="/vms", kind="user", who="a@pve", role="PVEVMAdmin"),
        AclEntry(path="/vms/100", kind="user", who="a@pve", role="NoAccess"),
    ]
    rights = Rights(site, major=9)

    assert rights.has(Caller("a@pve"), "/vms/101", "VM.Allocate")
    assert rights.on("/vms/100", Caller("a@pve")) == frozenset()


def test_an_entry_that_does_not_propagate_stays_where_it_is(site: Site) -> None:
    site.rules.acl = [
        AclEntry(path="/vms", kind="user", who="a@pve", role="PVEVMAdmin", propagate=False)
    ]
    rights = Rights(site, major=9)

    assert rights.on("/vms", Caller("a@pve")) != frozenset()
    assert rights.on("/vms/100", Caller("a@pve")) == frozenset()


@pytest.mark.parametrize(("major", "right"), [(8, "VM.Monitor"), (9, "VM.GuestAgent.Audit")])
def test_the_right_to_ask_the_agent_has_the_releases_own_name(major: int, right: str) -> None:
    site, _ = fresh_site(major=major, now=0)

    assert right in site.rules.roles["YardMachines"]


@pytest.mark.parametrize("caller", [TOKEN, Caller("spawnyard@pve"), Caller("a@pve"), Caller(ROOT)])
def test_machines_are_picked_as_if_each_were_asked_for(site: Site, caller: Caller) -> None:
    many = range(100, 140)
    site.rules.pools[POOL].machines |= {100, 101, 102}
    site.rules.pools["other"] = Pool(machines={102, 110, 111})
    site.rules.acl += [
        AclEntry(path="/pool/other", kind="user", who="a@pve", role="PVEVMAdmin"),
        AclEntry(path="/vms/111", kind="user", who="a@pve", role="NoAccess"),
        AclEntry(path="/vms/120", kind="user", who="a@pve", role="PVEVMAdmin"),
        AclEntry(path="/vms/101", kind="token", who=TOKEN.id, role="NoAccess"),
    ]
    rights = Rights(site, major=9)

    picked = list(rights.machines(caller, many, "VM.Audit"))

    assert picked == [vmid for vmid in many if rights.has(caller, f"/vms/{vmid}", "VM.Audit")]
    assert picked
