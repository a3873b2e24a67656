"""``…/agent/…``: the guest agent, which costs three seconds whenever it is silent."""

from collections.abc import Mapping
from typing import Any, Final

from proxmox_lab.call import Call, Handler
from proxmox_lab.guests.port import Guest, GuestFailure, Interface
from proxmox_lab.machines import config
from proxmox_lab.refusal import PlainRefusal, Refusal

SILENCE: Final = 3.0
_FAMILY: Final = {True: "ipv6", False: "ipv4"}


async def answering(call: Call) -> Guest:
    """Return the guest when its agent answers, or refuse as Proxmox does."""
    machine = call.lab.site.machine(call.vmid)
    guest = call.lab.guesthouse.find(call.vmid)
    if guest is None or not guest.running:
        raise Refusal(f"VM {call.vmid} is not running")
    if "agent" not in machine.config:
        raise Refusal("No QEMU guest agent configured")
    alive = config.has_agent(machine) and not machine.paused and await guest.agent_ping()
    if not alive:
        await call.lab.clock.sleep(SILENCE)
        raise Refusal("QEMU guest agent is not running")
    return guest


async def ping(call: Call) -> dict[str, Any]:
    """Ask whether anybody is there."""
    await answering(call)
    return {"result": {}}


async def interfaces(call: Call) -> dict[str, Any]:
    """Tell the guest's network interfaces as the guest sees them."""
    guest = await answering(call)
    return {"result": [_shown(found) for found in await guest.agent_interfaces()]}


def _shown(found: Interface) -> dict[str, Any]:
    counters = ("bytes", "packets", "errs", "dropped")
    statistics = {f"{way}-{name}": 0 for way in ("rx", "tx") for name in counters}
    shown: dict[str, Any] = {
        "name": found.name,
        "hardware-address": found.mac.lower(),
        "statistics": statistics,
    }
    if found.addresses:
        shown["ip-addresses"] = [_address(text) for text in found.addresses]
    return shown


def _address(text: str) -> dict[str, Any]:
    address, _, prefix = text.partition("/")
    family = _FAMILY[":" in address]
    return {"ip-address": address, "ip-address-type": family, "prefix": int(prefix or 32)}


async def file_read(call: Call) -> dict[str, Any]:
    """Read a file in the guest, byte for byte as Latin-1 text."""
    guest = await answering(call)
    try:
        content = await guest.agent_read_file(call.text("file"))
    except GuestFailure as failure:
        raise Refusal(f"Agent error: {failure}") from failure
    text = content.decode("utf-8", "replace")
    return {"content": text, "bytes-read": len(content)}


async def execute(call: Call) -> dict[str, Any]:
    """Start a command in the guest; its result is fetched by pid."""
    guest = await answering(call)
    command, given = call.items("command"), call.text("input-data").encode()
    try:
        pid = await call.lab.executions.start(call.vmid, guest, command, given)
    except GuestFailure:
        # The real one dies of the typographic quotes in the guest's error text.
        raise PlainRefusal("Broken pipe", status=596) from None
    return {"pid": pid}


async def execution(call: Call) -> dict[str, Any]:
    """Tell how a command ended; asking again for a told result is an error."""
    await answering(call)
    result = call.lab.executions.take(call.vmid, call.number("pid", 0))
    if result is None:
        raise Refusal("Agent error: Invalid parameter 'pid'")
    return result


async def command(call: Call) -> dict[str, Any]:
    """Run one of the plain commands by name, the old way."""
    verb = call.text("command")
    if verb == "network-get-interfaces":
        return await interfaces(call)
    if verb == "get-host-name":
        return await host_name(call)
    await answering(call)
    return {"result": {}}


async def host_name(call: Call) -> dict[str, Any]:
    """Tell the guest's host name."""
    await answering(call)
    return {"result": {"host-name": call.lab.site.machine(call.vmid).name}}


async def index(call: Call) -> list[dict[str, str]]:
    """Name the agent's commands."""
    start = "/nodes/{node}/qemu/{vmid}/agent/"
    names = {m.template.removeprefix(start) for m in call.lab.table.methods.values()}
    return [{"name": name} for name in sorted(names) if "/" not in name]


ROUTES: Final[Mapping[str, Handler]] = {
    "GET /nodes/{node}/qemu/{vmid}/agent": index,
    "POST /nodes/{node}/qemu/{vmid}/agent": command,
    "POST /nodes/{node}/qemu/{vmid}/agent/ping": ping,
    "GET /nodes/{node}/qemu/{vmid}/agent/network-get-interfaces": interfaces,
    "GET /nodes/{node}/qemu/{vmid}/agent/get-host-name": host_name,
    "GET /nodes/{node}/qemu/{vmid}/agent/file-read": file_read,
    "POST /nodes/{node}/qemu/{vmid}/agent/exec": execute,
    "GET /nodes/{node}/qemu/{vmid}/agent/exec-status": execution,
}
