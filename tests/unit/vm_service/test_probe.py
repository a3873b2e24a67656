"""The probe: who answers or refuses lives there; silence is an empty house. It connects nowhere."""

import asyncio
import errno

import pytest

from vm_service.adapters.probe import TcpProbe


@pytest.mark.parametrize(
    ("failure", "taken"),
    [
        (None, True),
        (OSError(errno.ECONNREFUSED, "refused"), True),
        (OSError(errno.EHOSTUNREACH, "no route"), False),
        (OSError(errno.ENETUNREACH, "no network"), False),
        (TimeoutError(), False),
    ],
)
async def test_an_answer_of_any_kind_means_that_somebody_lives_there(
    failure: OSError | None, taken: bool
):
    tried: list[tuple[str, int]] = []

    async def connect(host: str, port: int) -> None:
        tried.append((host, port))
        if failure is not None:
            raise failure

    probe = TcpProbe(connect=connect, ports=(22, 80))

    assert await probe.is_taken("10.77.0.9") is taken
    assert sorted(tried) == [("10.77.0.9", 22), ("10.77.0.9", 80)]


async def test_silence_is_not_waited_for_long():
    async def connect(host: str, port: int) -> None:
        await asyncio.sleep(20)

    probe = TcpProbe(connect=connect, patience=0.01)

    assert await probe.is_taken("10.77.0.9") is False
