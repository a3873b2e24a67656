"""What people call servers and operations: a name, a part of an id, or nothing at all."""

import re
from collections.abc import Iterable, Sequence
from typing import Final

from yard_cli.client.api import Gateway
from yard_cli.client.models import Operation, Server, Template
from yard_cli.failure import Failure

WHOLE_ID: Final = re.compile(r"(srv|op)_[0-9a-hjkmnp-tv-z]{26}")
LISTED: Final = {"template": "see: ./yard template list"}
GONE: Final = frozenset({"deleted", "failed"})


async def server_called(gateway: Gateway, word: str) -> str:
    """Return the id of the one server that ``word`` means: its name, or a beginning of its id."""
    word = tidy(word)
    if WHOLE_ID.fullmatch(word):
        return word
    found = _servers_called(await gateway.servers(), word)
    return _the_one(found, word, kind="server")


async def operation_called(gateway: Gateway, word: str | None) -> str:
    """Return the id of the operation meant; of a server's, or of all, it is the newest."""
    word = tidy(word or "")
    if WHOLE_ID.fullmatch(word) and word.startswith("op_"):
        return word
    operations = await gateway.operations()  # newest first
    if not operations:
        raise Failure("there is no operation yet", "ask for one: ./yard deploy luanti")
    if not word:
        return operations[0].id
    if word.startswith("op_"):
        return _the_one(_beginning(operations, word), word, kind="operation")
    server = _the_one(_servers_called(await gateway.servers(), word), word, kind="operation")
    mine = [operation.id for operation in operations if operation.server_id == server]
    return mine[0] if mine else _the_one((), word, kind="operation")


async def template_called(gateway: Gateway, word: str) -> str:
    """Return the id of the one template that ``word`` means: its game, or a beginning of its id."""
    word, templates = tidy(word), await gateway.templates()
    of_game = [template.id for template in templates if template.game == word]
    return _the_one(of_game or _beginning(templates, word), word, kind="template")


def _servers_called(servers: Iterable[Server], word: str) -> Sequence[str]:
    servers = list(servers)
    named = [server for server in servers if server.name == word]
    here = [server for server in named if server.phase not in GONE]
    return [server.id for server in here or named] or _beginning(servers, word)


def _beginning(things: Iterable[Server | Operation | Template], word: str) -> Sequence[str]:
    return [thing.id for thing in things if word and thing.id.startswith(word)]


def _the_one(found: Sequence[str], word: str, *, kind: str) -> str:
    if len(found) == 1:
        return found[0]
    listed = LISTED.get(kind, f"see: ./yard {kind}s")
    if not found:
        raise Failure(f"there is no {kind} called {word!r}", listed)
    raise Failure(f"{word!r} may be any of {len(found)} {kind}s", listed, details=found)


def tidy(word: str) -> str:
    """Take an id as a narrow table shows it, cut short, or in capitals."""
    return word.strip().rstrip("\N{HORIZONTAL ELLIPSIS}").lower()
