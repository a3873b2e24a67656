"""The guests' keys, asked of the provisioner, which alone holds the other halves."""

from dataclasses import dataclass
from typing import Final

from pydantic import ValidationError

from common.contracts.server_keys import QUESTION, SERVICE, SshKeyAnswer, SshKeyQuestion
from common.messaging.ask import AnswerRefused, NobodyAnswers, ask
from common.messaging.connection import Bus
from vm_service.domain.trouble import Trouble, Verdict

PATIENCE: Final = 5.0  # seconds for one answer
LOOK: Final = "see the provisioner's log, and whether its database answers"
UNKNOWN: Final = "unknown_question"  # of a provisioner from before: its own key opens all


@dataclass(frozen=True, slots=True)
class AskedKeys:
    """Asks over the bus, anew each time: the answer is always the same."""

    bus: Bus

    async def public(self, server_id: str, *, make: bool) -> str | None:
        """Return the server's public key, or none. Raises ``Trouble``."""
        body = SshKeyQuestion(server_id=server_id, make=make).model_dump_json().encode()
        try:
            answer = await ask(self.bus, SERVICE, QUESTION, body, timeout=PATIENCE)
            return SshKeyAnswer.model_validate_json(answer).public
        except NobodyAnswers as silence:
            raise Trouble(
                Verdict.BUSY,
                f"waiting for the server's SSH key: {silence}",
                "start the provisioner; it makes the keys of the guests",
            ) from silence
        except AnswerRefused as refused:
            told = refused.refusal
            if told.code == UNKNOWN:
                return None
            text = f"the provisioner cannot tell the server's SSH key: {told.detail}"
            raise Trouble(Verdict.BUSY, text, told.remedy or LOOK) from refused
        except ValidationError as error:
            raise Trouble(Verdict.FAULT, "the provisioner answered what is no key") from error
