"""What the provisioner is asked by other services, and answers at once."""

from collections.abc import Callable

from common.contracts.server_keys import SshKeyAnswer, SshKeyQuestion
from provisioner.domain.run import Stage
from provisioner.domain.server_key import ServerKey
from provisioner.ports import UnitOfWork


async def ssh_key(body: bytes, *, work: UnitOfWork, make_key: Callable[[str], ServerKey]) -> bytes:
    """Tell the public key of a server; asked again, by whomever, it is the same one.

    None is made any more for a server whose removal was heard: nobody would take it away again.
    """
    asked = SshKeyQuestion.model_validate_json(body)
    async with work() as tx:
        key = await tx.keys.find(asked.server_id)
        run = await tx.runs.find(asked.server_id)
        is_going = run is not None and run.stage is Stage.CANCELLED
        if key is None and asked.make and not is_going:
            key = await tx.keys.get_or_add(make_key(asked.server_id))
    return SshKeyAnswer(public=key.public if key else None).model_dump_json().encode()
