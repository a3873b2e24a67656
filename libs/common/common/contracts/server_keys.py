"""The key by which the provisioner logs in to one server's guest, and how its public half is asked.

The private half never leaves the provisioner, where it is kept sealed.
"""

from typing import Final

from pydantic import BaseModel, Field

SERVICE: Final = "provisioner"  # who is asked
QUESTION: Final = "ssh_key"


class SshKeyQuestion(BaseModel, frozen=True):
    """vm-service: which key is to get into this server's guest? ``make``: one, if there is none."""

    server_id: str = Field(min_length=1, max_length=80)
    make: bool = False


class SshKeyAnswer(BaseModel, frozen=True):
    """provisioner: ``ssh-ed25519 <base64> <comment>``; none means the installation's own key."""

    public: str | None = None
