"""Storages: defined, filled and emptied, on one node or shared by all."""

from typing import Any

from aiohttp import FormData

from tests.contract.lab.persons import Answer, House, read

PLACE = "/nodes/pve/storage"


async def sent(house: House, storage: str, name: str, body: bytes) -> Answer:
    form = FormData()
    form.add_field("content", "iso")
    form.add_field("filename", body, filename=name)
    url = f"{house.base}/api2/json{PLACE}/{storage}/upload"
    headers = house.root.headers
    async with house.client.post(url, data=form, headers=headers, ssl=False) as answer:
        return await read(answer)


async def ended(house: House, upid: str) -> str | None:
    task = house.lab.tasks.find(upid)
    assert task is not None
    assert task.work is not None
    await task.work
    return task.exitstatus


async def listed(house: House, storage: str, **chosen: str) -> list[dict[str, Any]]:
    return (await house.root.ask("GET", f"{PLACE}/{storage}/content", **chosen))[2]["data"]


async def test_an_image_is_uploaded_noted_and_deleted(house: House) -> None:
    upid = (await sent(house, "local", "tiny.iso", b"x" * 700_000))[2]["data"]
    kept = await ended(house, upid)
    found = await listed(house, "local", content="iso")
    told = await house.root.ask("GET", f"{PLACE}/local/content/iso/tiny.iso")
    gone = await house.root.ask("DELETE", f"{PLACE}/local/content/local:iso%2Ftiny.iso")
    await ended(house, gone[2]["data"])

    assert kept == "OK"
    assert [(entry["volid"], entry["size"]) for entry in found] == [("local:iso/tiny.iso", 700_000)]
    assert told[2]["data"]["path"] == "/var/lib/vz/template/iso/tiny.iso"
    assert await listed(house, "local", content="iso") == []


async def test_a_storage_takes_only_what_it_is_for(house: House) -> None:
    odd = await sent(house, "local", "tiny.exe", b"x")
    wrong = await sent(house, "vmdata", "tiny.iso", b"x")

    assert odd[2]["errors"] == {"filename": "wrong file extension"}
    assert wrong[1] == "storage 'vmdata' does not support 'iso' content"


async def test_nothing_is_fetched_from_elsewhere(house: House) -> None:
    asked = {"content": "iso", "filename": "x.iso", "url": "http://192.0.2.1/x.iso"}
    upid = (await house.root.ask("POST", f"{PLACE}/local/download-url", **asked))[2]["data"]

    why = "Connecting to 192.0.2.1:80... failed: Connection refused."
    assert await ended(house, upid) == f"download failed: {why}"


async def test_a_volume_without_a_machine_stays_until_it_is_deleted(house: House) -> None:
    made = await house.root.ask(
        "POST", f"{PLACE}/vmdata/content", vmid="777", filename="vm-777-disk-0.raw", size="1G"
    )
    found = await listed(house, "vmdata", vmid="777")
    gone = await house.root.ask("DELETE", f"{PLACE}/vmdata/content/{made[2]['data']}")

    assert [entry["size"] for entry in found] == [1 << 30]
    assert await ended(house, gone[2]["data"]) == "OK"
    assert await listed(house, "vmdata", vmid="777") == []


async def test_a_storage_is_defined_for_some_nodes_switched_off_and_forgotten(
    house: House,
) -> None:
    bare = await house.root.ask("POST", "/storage", storage="nas", type="nfs", server="10.0.0.9")
    made = await house.root.ask(
        "POST", "/storage", storage="nas", type="nfs", server="10.0.0.9", export="/x",
        content="images,iso", nodes="pve",
    )  # fmt: skip
    told = await house.root.ask("GET", "/storage/nas")
    await house.root.ask("PUT", "/storage/nas", disable="1")
    enabled = await house.root.ask("GET", PLACE, enabled="1")
    unused = await house.root.ask("GET", f"{PLACE}/nas/content")
    await house.root.ask("DELETE", "/storage/nas")
    gone = await house.root.ask("PUT", "/storage/nas", disable="0")

    assert bare[1] == "create storage failed: missing value for required option 'export'"
    assert made[2]["data"] == {"storage": "nas", "type": "nfs"}
    assert {"server": "10.0.0.9", "nodes": "pve"}.items() <= told[2]["data"].items()
    assert [entry["storage"] for entry in enabled[2]["data"]] == ["local", "vmdata"]
    assert unused[1] == "storage 'nas' is disabled"
    assert gone[1] == "update storage failed: storage 'nas' does not exist"


async def test_a_base_that_clones_lean_on_is_not_removed(house: House) -> None:
    clone = await house.root.ask("POST", "/nodes/pve/qemu/9000/clone", newid="100")
    await ended(house, clone[2]["data"])

    base = "vmdata:9000%2Fbase-9000-disk-0.qcow2"
    gone = await house.root.ask("DELETE", f"{PLACE}/vmdata/content/{base}")

    why = "base volume '9000/base-9000-disk-0.qcow2' is still in use by linked cloned"
    assert await ended(house, gone[2]["data"]) == why
