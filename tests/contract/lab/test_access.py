"""Users, groups, roles, tokens and tickets, as an administrator and others meet them."""

import pytest

from proxmox_lab.site.people import User, hashed
from tests.contract.lab.persons import House


async def test_a_group_gives_its_members_rights_until_they_leave_it(house: House) -> None:
    await house.root.ask("POST", "/access/groups", groupid="players", comment="all of them")
    await house.root.ask("POST", "/access/users", userid="ann@pve", groups="players")
    granted = await house.root.ask(
        "PUT", "/access/acl", path="/vms", groups="players", roles="PVEAuditor"
    )
    seen = await house.person("ann@pve").ask("GET", "/nodes/pve/qemu")
    told = await house.root.ask("GET", "/access/users/ann@pve")

    await house.root.ask("PUT", "/access/users/ann@pve", groups="")
    unseen = await house.person("ann@pve").ask("GET", "/nodes/pve/qemu")

    assert granted[0] == 200
    assert [machine["vmid"] for machine in seen[2]["data"]] == [9000]
    assert told[2]["data"]["groups"] == ["players"]
    assert unseen[2]["data"] == []


async def test_a_right_of_ones_own_counts_more_than_that_of_a_group(house: House) -> None:
    await house.root.ask("POST", "/access/groups", groupid="players")
    await house.root.ask("POST", "/access/users", userid="ann@pve", groups="players")
    await house.root.ask("PUT", "/access/acl", path="/", groups="players", roles="PVEAdmin")
    await house.root.ask("PUT", "/access/acl", path="/", users="ann@pve", roles="NoAccess")

    seen = await house.person("ann@pve").ask("GET", "/nodes/pve/qemu")

    assert seen[2]["data"] == []


async def test_a_right_that_does_not_propagate_is_told_as_such(house: House) -> None:
    await house.root.ask("POST", "/access/users", userid="ann@pve")
    await house.root.ask(
        "PUT", "/access/acl", path="/vms", users="ann@pve", roles="PVEAuditor", propagate="0"
    )

    here = await house.root.ask("GET", "/access/permissions", userid="ann@pve", path="/vms")
    below = await house.root.ask("GET", "/access/permissions", userid="ann@pve", path="/vms/9000")

    assert here[2]["data"]["/vms"]["VM.Audit"] == 0
    assert below[2]["data"] == {"/vms/9000": {}}


async def test_roles_are_made_changed_and_removed_but_not_the_built_in_ones(house: House) -> None:
    await house.root.ask("POST", "/access/roles", roleid="Looker", privs="VM.Audit")
    await house.root.ask("PUT", "/access/roles/Looker", privs="VM.Console", append="1")
    told = await house.root.ask("GET", "/access/roles/Looker")
    gone = await house.root.ask("DELETE", "/access/roles/Looker")
    refusals = [
        (await house.root.ask("POST", "/access/roles", roleid="Old", privs="VM.Monitor"))[1],
        (await house.root.ask("DELETE", "/access/roles/PVEAdmin"))[1],
        (await house.root.ask("GET", "/access/roles/Looker"))[1],
    ]

    assert told[2]["data"] == {"VM.Audit": 1, "VM.Console": 1}
    assert gone[0] == 200
    assert refusals == [
        "create role failed: invalid privilege 'VM.Monitor'",
        "auto-generated role 'PVEAdmin' cannot be deleted",
        "role 'Looker' does not exist",
    ]


async def test_a_token_gets_a_new_secret_and_the_old_one_ends(house: House) -> None:
    await house.root.ask("POST", "/access/users", userid="ann@pve")
    made = await house.root.ask("POST", "/access/users/ann@pve/token/app", privsep="0")
    renewed = await house.root.ask("PUT", "/access/users/ann@pve/token/app", regenerate="1")

    async def status_with(secret: str) -> int:
        header = {"Authorization": f"PVEAPIToken=ann@pve!app={secret}"}
        url = f"{house.base}/api2/json/version"
        async with house.client.get(url, headers=header, ssl=False) as answer:
            return answer.status

    assert await status_with(made[2]["data"]["value"]) == 401
    assert await status_with(renewed[2]["data"]["value"]) == 200


async def test_a_password_is_changed_by_its_owner_with_the_old_one(house: House) -> None:
    house.lab.site.rules.users["ann@pve"] = User(password_hash=hashed("old-password"))
    ann = house.person("ann@pve")

    bare = await ann.ask("PUT", "/access/password", userid="ann@pve", password="new-password")
    done = await ann.ask(
        "PUT",
        "/access/password",
        userid="ann@pve",
        password="new-password",
        **{"confirmation-password": "old-password"},
    )
    login = await house.root.ask(
        "POST", "/access/ticket", username="ann@pve", password="new-password"
    )

    assert bare[0] == 400
    assert "confirmation-password" in bare[2]["errors"]
    assert (done[0], login[0]) == (200, 200)


async def test_who_may_not_modify_users_can_neither_make_nor_read_them(house: House) -> None:
    house.lab.site.rules.users["ann@pve"] = User()
    ann = house.person("ann@pve")

    made = await ann.ask("POST", "/access/users", userid="bob@pve")
    read = await ann.ask("GET", "/access/users/root@pam")
    listed = await ann.ask("GET", "/access/users")
    own = await ann.ask("GET", "/access/users/ann@pve/token")

    assert made[:2] == (403, "Permission check failed (/access/realm/pve, Realm.AllocateUser)")
    assert read[0] == 403
    assert [user["userid"] for user in listed[2]["data"]] == ["ann@pve"]
    assert own[0] == 200


async def test_rights_on_a_machine_go_with_the_user_the_token_and_the_role(house: House) -> None:
    await house.root.ask("POST", "/access/users", userid="ann@pve")
    await house.root.ask("POST", "/access/users/ann@pve/token/app")
    await house.root.ask(
        "PUT", "/access/acl", path="/vms/100", tokens="ann@pve!app", roles="PVEVMUser"
    )
    await house.root.ask("PUT", "/access/acl", path="/vms/100", users="ann@pve", roles="PVEVMUser")

    await house.root.ask("DELETE", "/access/users/ann@pve")
    left = await house.root.ask("GET", "/access/acl")

    assert all("ann@pve" not in entry["ugid"] for entry in left[2]["data"])


@pytest.mark.parametrize(
    ("form", "reason"),
    [
        ({"path": "/vms", "roles": "PVEAdmin"}, "Parameter verification failed."),
        (
            {"path": "/bogus", "roles": "PVEAdmin", "users": "root@pam"},
            "Parameter verification failed.",
        ),
        (
            {"path": "/vms", "roles": "PVEAdmin", "users": "no@pve"},
            "ACL update failed: user 'no@pve' does not exist",
        ),
        (
            {"path": "/vms", "roles": "PVEAdmin", "groups": "none"},
            "ACL update failed: group 'none' does not exist",
        ),
        (
            {"path": "/vms", "roles": "PVEAdmin", "tokens": "root@pam!none"},
            "ACL update failed: no such token 'none' for user 'root@pam'",
        ),
    ],
)  # fmt: skip
async def test_the_access_list_takes_nothing_unknown(
    house: House, form: dict[str, str], reason: str
) -> None:
    answer = await house.root.ask("PUT", "/access/acl", **form)

    assert answer[1] == reason
