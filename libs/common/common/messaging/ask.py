"""Questions between services on core NATS: asked now, answered now, kept nowhere.

For what a person waits for and nobody has to remember; what must not be lost is an event.
"""

# pyright: reportUnknownMemberType=false
# (nats-py's signatures hold bare **kwargs)

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from typing import Final

from nats.aio.msg import Msg
from nats.errors import Error as NATSError
from nats.errors import NoRespondersError
from pydantic import BaseModel

from common.contracts.topology import question_subject
from common.messaging.connection import Bus

log = logging.getLogger(__name__)

Answer = Callable[[bytes], Awaitable[bytes]]

STATUS: Final = "Spawnyard-Status"
DONE: Final = "done"
REFUSED: Final = "refused"


class NobodyAnswers(Exception):
    """The service asked is not there, or takes too long."""


class Refusal(BaseModel, frozen=True):
    """What a service says instead of an answer. ``pointer`` names the field at fault."""

    code: str
    detail: str
    remedy: str | None = None
    pointer: str | None = None


class AnswerRefused(Exception):
    """The service has heard the question and says no."""

    def __init__(self, refusal: Refusal) -> None:
        super().__init__(refusal.detail)
        self.refusal = refusal


async def ask(bus: Bus, service: str, question: str, body: bytes, *, timeout: float) -> bytes:
    """Return the answer of one copy of a service. Raises ``NobodyAnswers``, ``AnswerRefused``."""
    try:
        reply = await bus.client.request(question_subject(service, question), body, timeout=timeout)
    except (NATSError, TimeoutError) as error:
        why = "is not there" if isinstance(error, NoRespondersError) else "did not answer in time"
        raise NobodyAnswers(f"the {service} {why}") from error
    if (reply.headers or {}).get(STATUS) == REFUSED:
        raise AnswerRefused(Refusal.model_validate_json(reply.data))
    return reply.data


async def answer_questions(bus: Bus, service: str, answers: Mapping[str, Answer]) -> None:
    """Answer for ever, sharing the questions with the service's other copies.

    An answer that raises ``AnswerRefused`` is a refusal; any other exception is logged, and
    the asker learns no more than that.
    """
    asked: set[asyncio.Task[None]] = set()

    async def on_message(message: Msg) -> None:
        task = asyncio.create_task(_reply(bus, message, answers), name=message.subject)
        asked.add(task)  # a slow answer keeps no other waiting
        task.add_done_callback(asked.discard)

    await bus.client.subscribe(question_subject(service, ">"), queue=service, cb=on_message)
    try:
        await asyncio.Event().wait()
    finally:
        for task in asked:
            task.cancel()
        await asyncio.gather(*asked, return_exceptions=True)


async def _reply(bus: Bus, message: Msg, answers: Mapping[str, Answer]) -> None:
    question = message.subject.split(".", 2)[2]
    try:
        status, body = DONE, await answers.get(question, _unknown)(message.data)
    except AnswerRefused as refused:
        status, body = REFUSED, refused.refusal.model_dump_json().encode()
    except Exception:
        log.exception("a question could not be answered", extra={"question": question})
        refusal = Refusal(code="internal_error", detail="the answer failed; its log says why")
        status, body = REFUSED, refusal.model_dump_json().encode()
    try:
        await bus.client.publish(message.reply, body, headers={STATUS: status})
    except NATSError as error:
        log.warning("answer lost", extra={"question": question, "error": repr(error)})


async def _unknown(_: bytes) -> bytes:
    raise AnswerRefused(Refusal(code="unknown_question", detail="this copy knows no such question"))
