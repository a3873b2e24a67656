"""Questions about templates, from the gateway: bytes in, bytes out."""

from collections.abc import Mapping

from common.contracts.templates import QUESTION, ClonesQuestion
from common.messaging.ask import Answer
from vm_service.handlers.templates import clones_of
from vm_service.ports import UnitOfWork


def template_answers(work: UnitOfWork) -> Mapping[str, Answer]:
    """Return who answers which question."""

    async def clones(body: bytes) -> bytes:
        question = ClonesQuestion.model_validate_json(body)
        answer = await clones_of(question, work=work)
        return answer.model_dump_json().encode()

    return {QUESTION: clones}
