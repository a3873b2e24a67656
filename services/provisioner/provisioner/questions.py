"""What the provisioner is asked by other services, and answers at once."""

from collections.abc import Callable

from common.contracts.server_keys import SshKeyAnswer, SshKeyQuestion
from provisioner.domain.server_key import ServerKey
from provisioner.ports import UnitOfWork


async def ssh_key(body: bytes, *, work: UnitOfWork, make_key: Callable[[str], ServerKey]) -> bytes:
    """Tell the public key of a server; asked again, by whomever, it is the same one."""
    asked = SshKeyQuestion.model_validate_json(body)
    async with work() as tx:
        key = await tx.keys.find(asked.server_id)
        if key is None and asked.make:
            key = await tx.keys.get_or_add(make_key(asked.server_id))
    return SshKeyAnswer(public=key.public if key else None).model_dump_json().encode()
