"""The configuration of the embedded NATS server, drawn from the bus's one page."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from common.contracts.topology import ACCESS, STREAMS, Access

TEMPLATE: Final = """\
# Written anew at each start of the stack.
server_name: {name}
listen: "{host}:{port}"
max_payload: 512KB
max_pending: 16MB
write_deadline: "5s"
ping_interval: "15s"
jetstream {{
  store_dir: {store}
  max_memory_store: 64MB
  max_file_store: {room}
  sync_interval: always  # an acknowledged message survives a power cut
}}
accounts {{
  SPAWNYARD {{
    jetstream: enabled
    users: [
{users}
    ]
  }}
}}
"""
USER: Final = """\
      {{ user: {user}, password: {password}, permissions: {{
          publish: {{ allow: {publish} }}
          subscribe: {{ allow: {subscribe} }}
          allow_responses: {answers} }} }}"""


def render(*, name: str, host: str, port: int, store: Path, passwords: Mapping[str, str]) -> str:
    """Write the configuration: one user per service, each allowed what it needs."""
    return TEMPLATE.format(
        name=json.dumps(name),
        host=host,
        port=port,
        store=json.dumps(str(store)),
        room=2 * sum(stream.max_bytes for stream in STREAMS),
        users="\n".join(_user(who, passwords[who], access) for who, access in ACCESS.items()),
    )


def _user(user: str, password: str, access: Access) -> str:
    return USER.format(
        user=json.dumps(user),
        password=json.dumps(password),
        publish=_subjects(access.publish),
        subscribe=_subjects(access.subscribe),
        answers=json.dumps(access.answers),
    )


def _subjects(subjects: Sequence[str]) -> str:
    return json.dumps(list(subjects))
