"""``…/agent/…``: the guest agent, which costs three seconds whenever it is silent."""

import base64
import binascii
from collections.abc import Mapping
from typing import Any, Final

from proxmox_lab.call import Call, Handler
from proxmox_lab.guests.port import Guest, GuestFailure, Interface
from proxmox_lab.machines import config
from proxmox_lab.refusal import PlainRefusal, Refusal

SILENCE: Final = 3.0
LARGEST_READ: Final = 16 << 20
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
    part = content[call.number("offset", 0) :]
    read = part[: call.number("count", LARGEST_READ)]
    plain = call.switch("decode", default=True)
    text = read.decode("latin-1") if plain else base64.b64encode(read).decode()
    cut = {"truncated": 1} if len(read) < len(part) else {}
    return {"content": text, "bytes-read": len(read)} | cut


async def file_write(call: Call) -> None:
    """Write a file in the guest; text is taken for Latin-1."""
    guest = await answering(call)
    content = call.text("content")
    try:
        if call.switch("encode", default=True):
            data = content.encode("latin-1")
        else:
            data = base64.b64decode(content)
        await guest.agent_write_file(call.text("file"), data)
    except UnicodeEncodeError:
        raise Refusal("Wide character in subroutine entry") from None
    except (GuestFailure, binascii.Error) as failure:
        raise Refusal(f"Agent error: {failure}") from failure


async def set_password(call: Call) -> dict[str, Any]:
    """Give a user of the guest another password."""
    guest = await answering(call)
    arguments = {
        "username": call.text("username"),
        "password": base64.b64encode(call.text("password").encode()).decode(),
        "crypted": call.switch("crypted"),
    }
    try:
        return {"result": await guest.agent_ask("guest-set-user-password", arguments)}
    except GuestFailure as failure:
        raise Refusal(f"Agent error: {failure}") from failure


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
    return await interfaces(call) if verb == _INTERFACES else await _asked(call, verb)


def _plain(verb: str) -> Handler:
    async def ask(call: Call) -> dict[str, Any]:
        return await _asked(call, verb)

    return ask


async def _asked(call: Call, verb: str) -> dict[str, Any]:
    """Pass a command on; a refusal of the agent's is an answer like any other."""
    guest = await answering(call)
    if verb == "ping":
        return {"result": {}}
    try:
        return {"result": await guest.agent_ask(f"guest-{verb}", {})}
    except GuestFailure as failure:
        kind = "CommandNotFound" if "has not been found" in str(failure) else "GenericError"
        return {"result": {"error": {"class": kind, "desc": str(failure)}}}


async def index(_: Call) -> list[dict[str, str]]:
    """Name the agent's commands."""
    return [{"name": name} for name in sorted({*_READ, *_DONE, *_OTHERS})]


_INTERFACES: Final = "network-get-interfaces"
_READ: Final = (
    "get-fsinfo", "get-host-name", "get-memory-block-info", "get-memory-blocks", "get-osinfo",
    "get-time", "get-timezone", "get-users", "get-vcpus", "info",
)  # fmt: skip
_DONE: Final = (
    "fsfreeze-freeze", "fsfreeze-status", "fsfreeze-thaw", "fstrim", "ping", "shutdown",
    "suspend-disk", "suspend-hybrid", "suspend-ram",
)  # fmt: skip
_OTHERS: Final = (
    "exec", "exec-status", "file-read", "file-write", _INTERFACES, "set-user-password",
)  # fmt: skip
_ROOT: Final = "/nodes/{node}/qemu/{vmid}/agent"
ROUTES: Final[Mapping[str, Handler]] = {
    f"GET {_ROOT}": index,
    f"POST {_ROOT}": command,
    f"GET {_ROOT}/{_INTERFACES}": interfaces,
    f"GET {_ROOT}/file-read": file_read,
    f"POST {_ROOT}/file-write": file_write,
    f"POST {_ROOT}/set-user-password": set_password,
    f"POST {_ROOT}/exec": execute,
    f"GET {_ROOT}/exec-status": execution,
    **{f"GET {_ROOT}/{verb}": _plain(verb) for verb in _READ},
    **{f"POST {_ROOT}/{verb}": _plain(verb) for verb in _DONE},
}
