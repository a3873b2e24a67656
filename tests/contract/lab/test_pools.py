"""Pools and backup jobs: what is put where, and what is refused."""

from tests.contract.lab.persons import House


async def test_a_machine_is_in_one_pool_and_moves_only_when_allowed(house: House) -> None:
    await house.root.ask("POST", "/pools", poolid="one")
    await house.root.ask("POST", "/pools", poolid="two", comment="second")
    await house.root.ask("PUT", "/pools/one", vms="9000", storage="local")

    kept = await house.root.ask("PUT", "/pools/two", vms="9000")
    moved = await house.root.ask("PUT", "/pools/two", vms="9000", **{"allow-move": "1"})
    again = await house.root.ask("PUT", "/pools/two", vms="9000")
    one = await house.root.ask("GET", "/pools/one")
    two = await house.root.ask("GET", "/pools", poolid="two", type="qemu")

    why = "VM 9000 belongs already to pool 'one' and 'allow-move' is not set"
    assert kept[1] == f"update pools failed: {why}"
    assert moved[0] == 200
    assert again[1] == "update pools failed: VM 9000 is already a pool member"
    assert [member["id"] for member in one[2]["data"]["members"]] == ["storage/pve/local"]
    assert [member["id"] for member in two[2]["data"][0]["members"]] == ["qemu/9000"]


async def test_a_pool_is_removed_only_when_nothing_is_in_it(house: House) -> None:
    await house.root.ask("POST", "/pools", poolid="one")
    await house.root.ask("POST", "/pools", poolid="one/inner")

    full = await house.root.ask("DELETE", "/pools/one")
    await house.root.ask("DELETE", "/pools", poolid="one/inner")
    empty = await house.root.ask("DELETE", "/pools", poolid="one")
    gone = await house.root.ask("PUT", "/pools/one", comment="x")

    assert full[1] == "delete pool failed: pool 'one' is not empty (contains pool one/inner)"
    assert empty[0] == 200
    assert gone[1] == "update pools failed: pool 'one' does not exist"


async def test_a_backup_job_needs_machines_and_is_told_with_its_next_run(house: House) -> None:
    nobody = await house.root.ask("POST", "/cluster/backup", schedule="03:00", storage="local")
    await house.root.ask(
        "POST",
        "/cluster/backup",
        id="nightly",
        schedule="03:00",
        all="1",
        **{"prune-backups": "keep-last=2"},
    )
    listed = await house.root.ask("GET", "/cluster/backup")
    await house.root.ask("PUT", "/cluster/backup/nightly", enabled="0")
    told = await house.root.ask("GET", "/cluster/backup/nightly")

    assert nobody[2]["message"] == "400 Parameter verification failed.\nvmid: property is missing\n"
    assert "next-run" in listed[2]["data"][0]
    assert told[2]["data"] == {
        "id": "nightly",
        "type": "vzdump",
        "enabled": 0,
        "all": 1,
        "schedule": "03:00",
        "prune-backups": {"keep-last": "2"},
    }


async def test_what_a_client_reads_first_is_answered(house: House) -> None:
    paths = (
        "/cluster", "/cluster/log", "/cluster/config/nodes", "/cluster/ha/status/current",
        "/cluster/sdn/zones", "/nodes/pve", "/nodes/pve/dns", "/nodes/pve/hosts",
        "/nodes/pve/hardware/pci", "/nodes/pve/services", "/nodes/pve/sdn/zones",
        "/nodes/pve/capabilities/qemu/cpu", "/nodes/pve/subscription", "/access",
    )  # fmt: skip

    answers = {path: (await house.root.ask("GET", path))[0] for path in paths}

    assert answers == dict.fromkeys(paths, 200)
