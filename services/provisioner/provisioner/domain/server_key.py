"""The key that opens one server's guest, and no other."""

from dataclasses import dataclass
from typing import Final

PLACE: Final = "ssh key"  # where the private half is sealed; no setting's pointer looks like it


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerKey:
    """A pair of keys. ``public`` is an OpenSSH line, ``private`` an envelope."""

    server_id: str
    public: str
    private: str
