"""Calls to something that answers like nothing Proxmox ever said."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from tests.integration.vm_service.answering import FINE, Answering, http
from vm_service.adapters.proxmox import client as client_module
from vm_service.adapters.proxmox import wire as wire_module
from vm_service.adapters.proxmox.client import Client
from vm_service.adapters.proxmox.lane import AT_ONCE
from vm_service.adapters.proxmox.wire import Wire
from vm_service.domain import breaker as breaker_module
from vm_service.domain.breaker import FAILURES
from vm_service.domain.trouble import Trouble, Verdict

pytestmark = pytest.mark.integration

START = "nodes/pve/qemu/101/status/start"


@pytest.fixture
async def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Answering]:
    monkeypatch.setattr(client_module, "PAUSES", ())
    async with Answering(tmp_path / "tls").listening() as server:
        yield server


@pytest.fixture
def client(server: Answering) -> Iterator[Client]:
    with closing(Client(server.access())) as client:
        yield client


async def trouble_of(call: Awaitable[object]) -> Trouble:
    with pytest.raises(Trouble) as trouble:
        await call
    return trouble.value


@pytest.mark.parametrize(
    "answer",
    [
        http(b"200 OK", b"<html>maintenance</html>"),
        http(b"200 OK", b'{"data": [1, 2'),
        http(b"200 OK", b'{"daten": 1}'),
        http(b"200 OK", b"[]"),
        http(b"596 Broken pipe", b""),
        http(b"502 Bad Gateway", b"<html>"),
        http(b"302 Found\r\nLocation: https://127.0.0.1:1/", b""),
        http(b"302 Found", b'{"data": "fine"}'),
        b"HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\n{",
    ],
)
async def test_f33_nonsense_is_an_unknown_outcome(server: Answering, client: Client, answer: bytes):
    server.say = server.answer(answer)

    trouble = await trouble_of(client.post(START))

    assert trouble.verdict is Verdict.UNKNOWN
    assert len(server.asked) == 1
    assert "very-secret" not in str(trouble)


async def test_f33_an_answer_of_ten_megabytes_is_an_unknown_outcome(
    server: Answering, client: Client
):
    server.say = server.answer(http(b"200 OK", b'{"data": "' + b"x" * 11 * 2**20 + b'"}'))

    trouble = await trouble_of(client.post(START))

    assert trouble.verdict is Verdict.UNKNOWN
    assert "longer than" in trouble.text


async def test_an_answer_that_trickles_in_for_ever_lets_go_of_the_thread(
    server: Answering, client: Client, monkeypatch: pytest.MonkeyPatch
):
    ended = asyncio.Event()

    async def trickle(writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n")
        try:
            while True:
                writer.write(b"x" * 70_000)
                await writer.drain()
                await asyncio.sleep(0.05)
        finally:
            ended.set()

    monkeypatch.setattr(client_module, "DEADLINES", {"post": 20.0})
    monkeypatch.setattr(wire_module, "DEADLINES", {"post": 0.2})
    server.say = trickle

    trouble = await trouble_of(client.post(START))

    assert trouble.verdict is Verdict.UNKNOWN
    await asyncio.wait_for(ended.wait(), 60)


async def test_silence_ends_at_the_deadline(
    server: Answering, client: Client, monkeypatch: pytest.MonkeyPatch
):
    async def nothing(_: asyncio.StreamWriter) -> None:
        await asyncio.sleep(0.4)

    monkeypatch.setattr(client_module, "DEADLINES", {"post": 0.2})
    server.say = nothing

    trouble = await trouble_of(client.post(START))
    await asyncio.sleep(0.4)

    assert trouble.verdict is Verdict.UNKNOWN


async def test_the_reason_phrase_and_the_wrong_parameters_are_what_is_told(
    server: Answering, client: Client
):
    body = b'{"data":null,"errors":{"newid":"VM 9000 already exists\\n"}}'
    server.say = server.answer(http(b"400 Parameter verification failed.", body))

    trouble = await trouble_of(client.post("x", full=True, pool=None, newid=9000))

    assert trouble.verdict is Verdict.TAKEN
    assert trouble.text == "Parameter verification failed: newid: VM 9000 already exists"
    assert b"PVEAPIToken=yard@pve!test=very-secret" in server.asked[0]


async def test_f20_reading_is_tried_again_and_writing_is_not(
    server: Answering, client: Client, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(client_module, "PAUSES", (0.01, 0.01))
    server.say = server.answer(http(b"595 No route to host", b""))

    await trouble_of(client.get("version"))
    read = len(server.asked)
    await trouble_of(client.put("nodes/pve/qemu/101/resize"))

    assert (read, len(server.asked)) == (3, 4)


async def test_f20_a_node_that_does_not_answer_is_left_in_peace_and_the_others_are_not(
    server: Answering, client: Client
):
    server.say = server.answer(http(b"595 No route to host", b""))

    told = [await trouble_of(client.post(START)) for _ in range(FAILURES + 10)]
    asked = len(server.asked)
    server.say = server.answer(http(b"200 OK", FINE))

    assert asked == FAILURES
    assert {one.verdict for one in told} == {Verdict.UNKNOWN}
    assert "node pve has not answered 5 times in a row" in told[-1].text
    assert await client.post("nodes/other/qemu/101/status/start") == "fine"


async def test_a_node_that_answers_again_is_asked_again(
    server: Answering, client: Client, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(breaker_module, "FIRST_REST", 0.05)
    server.say = server.answer(http(b"596 Broken pipe", b""))
    for _ in range(FAILURES):
        await trouble_of(client.post(START))
    server.say = server.answer(http(b"200 OK", FINE))
    await asyncio.sleep(0.1)

    answers = await asyncio.gather(*(client.post(START) for _ in range(3)), return_exceptions=True)

    assert answers.count("fine") == 1  # one goes ahead
    assert await client.post(START) == "fine"


async def test_a_refusal_in_proxmoxs_own_words_is_an_answer(server: Answering, client: Client):
    server.say = server.answer(http(b"500 VM is locked (backup)", b""))

    told = [await trouble_of(client.post(START)) for _ in range(FAILURES * 2)]

    assert len(server.asked) == len(told)
    assert {one.verdict for one in told} == {Verdict.BUSY}


async def test_repeated_reading_does_not_multiply_on_a_sick_node(
    server: Answering, client: Client, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(client_module, "PAUSES", (0.0, 0.0, 0.0))
    server.say = server.answer(http(b"500 nobody knows this text", b""))

    await asyncio.gather(*(trouble_of(client.get("nodes/pve/x")) for _ in range(40)))

    assert 40 < len(server.asked) <= 40 + 10 + 40 * 0.25


async def test_the_event_loop_goes_on_while_many_calls_are_slow(server: Answering, client: Client):
    async def slowly(writer: asyncio.StreamWriter) -> None:
        await asyncio.sleep(0.3)
        await server.answer(http(b"200 OK", FINE))(writer)

    server.say, turns = slowly, 0
    calls = asyncio.gather(*(client.get(f"nodes/n{number}/x") for number in range(24)))
    while not calls.done():
        await asyncio.sleep(0.01)
        turns += 1

    assert await calls == ["fine"] * 24
    assert turns > 5  # blocked by one call, it would not turn at all until the end


async def test_a_sick_node_does_not_hold_all_the_threads(server: Answering, client: Client):
    gate = asyncio.Event()

    async def wait(writer: asyncio.StreamWriter) -> None:
        if b"/nodes/sick/" in server.asked[-1]:
            await gate.wait()
        await server.answer(http(b"200 OK", FINE))(writer)

    server.say = wait
    sick = asyncio.gather(*(client.get("nodes/sick/x") for _ in range(40)))
    await asyncio.sleep(0.2)

    assert await asyncio.wait_for(client.get("nodes/well/x"), 60) == "fine"
    gate.set()
    assert await sick == ["fine"] * 40


async def test_a_call_that_never_had_its_turn_was_not_made_and_says_so(
    server: Answering, client: Client, monkeypatch: pytest.MonkeyPatch
):
    gate = asyncio.Event()

    async def wait(_: asyncio.StreamWriter) -> None:
        await gate.wait()

    monkeypatch.setattr(client_module, "DEADLINES", {"post": 1.0})
    server.say = wait

    told = await asyncio.gather(*(trouble_of(client.post(START)) for _ in range(AT_ONCE + 3)))
    async with asyncio.timeout(60):
        while len(server.asked) < AT_ONCE:
            await asyncio.sleep(0.01)
    gate.set()
    await asyncio.sleep(0.2)  # whoever would come after them could

    verdicts = [one.verdict for one in told]
    assert verdicts.count(Verdict.UNKNOWN) == AT_ONCE == len(server.asked)
    assert verdicts.count(Verdict.BUSY) == 3


@pytest.mark.parametrize(
    ("path", "parameters"),
    [
        ("nodes/../access/users", {}),
        ("nodes/pve/qemu/101/../102", {}),
        ("nodes//qemu", {}),
        ("nodes/pve/qemu/101?purge=1", {}),
        ("nodes/pve/qemu/101%2f..", {}),
        ("x", {"name": "a\nb"}),
        ("x", {"name": "-a"}),
        ("x", {"ciuser": "root; reboot"}),
        ("x", {"description": "a\rb"}),
        ("x", {"ipconfig0": "ip=dhcp\nruncmd:"}),
        ("x", {"searchdomain": "a b"}),
        ("x", {"anything": "a\x00b"}),
        ("x", {"sshkeys": "ssh-ed25519 AAAA"}),
    ],
)
async def test_what_is_not_of_its_form_is_never_sent(
    server: Answering, client: Client, path: str, parameters: dict[str, object]
):
    trouble = await trouble_of(client.post(path, **parameters))

    assert (trouble.verdict, server.asked) == (Verdict.REFUSED, [])


@pytest.mark.parametrize(("idle", "connections"), [(3600.0, 1), (0.0, 2)])
async def test_a_write_does_not_go_out_on_a_connection_that_may_be_hung_up_by_now(
    server: Answering, monkeypatch: pytest.MonkeyPatch, idle: float, connections: int
):
    monkeypatch.setattr(wire_module, "IDLE", idle)
    server.keeps_open = True
    server.say = server.answer(
        b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(FINE), FINE)
    )
    with closing(Wire(server.access())) as wire:
        await asyncio.to_thread(wire.call, "get", "version", {})
        await asyncio.to_thread(wire.call, "post", START, {})

    assert (server.connections, len(server.asked)) == (connections, 2)
