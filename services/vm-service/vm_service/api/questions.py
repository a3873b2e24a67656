"""Questions about the hypervisor, from the gateway: bytes in, bytes out, refusals with a reason."""

from collections.abc import Awaitable, Callable, Mapping
from typing import TypeVar

from pydantic import BaseModel

from common.contracts.hypervisor import SettingsPut, SettingsTest
from common.messaging.ask import Answer, AnswerRefused, Refusal
from vm_service.desk import Desk
from vm_service.domain.settings_in_force import SettingsRefused
from vm_service.handlers import hypervisor_settings

Q = TypeVar("Q", bound=BaseModel)


def hypervisor_answers(desk: Desk) -> Mapping[str, Answer]:
    """Return who answers which question about the hypervisor's settings."""
    return {
        "hypervisor.get": _plain(lambda: hypervisor_settings.get(desk)),
        "hypervisor.doctor": _plain(lambda: hypervisor_settings.examine(desk)),
        "hypervisor.put": _about(SettingsPut, lambda asked: hypervisor_settings.put(asked, desk)),
        "hypervisor.test": _about(
            SettingsTest, lambda asked: hypervisor_settings.test(asked, desk)
        ),
    }


def _about(kind: type[Q], answer: Callable[[Q], Awaitable[BaseModel]]) -> Answer:
    async def answered(body: bytes) -> bytes:
        return await _said(answer(kind.model_validate_json(body)))

    return answered


def _plain(answer: Callable[[], Awaitable[BaseModel]]) -> Answer:
    async def answered(_: bytes) -> bytes:
        return await _said(answer())

    return answered


async def _said(answer: Awaitable[BaseModel]) -> bytes:
    try:
        return (await answer).model_dump_json().encode()
    except SettingsRefused as refused:
        raise AnswerRefused(
            Refusal(
                code=refused.code,
                detail=refused.detail,
                remedy=refused.remedy,
                pointer=refused.pointer,
            )
        ) from refused
