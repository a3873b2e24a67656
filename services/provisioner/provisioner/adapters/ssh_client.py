"""One command in a guest, by OpenSSH's own client: in bounded time, and heard within bounds."""

import asyncio
from asyncio.subprocess import PIPE
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from provisioner.domain.errors import NotYet
from provisioner.domain.inventory import Target, shared_by, ssh_options

LOGIN_PATIENCE: Final = 25.0  # seconds
LAST_WORDS: Final = 2.0  # seconds a client that was ended has for letting go
CHUNK: Final = 65_536
OUTPUT_LIMIT: Final = 8_388_608  # bytes; a console is half of that
KEY: Final = "id"  # beside the known hosts: the guest's own key, if it has one
SYSTEM_PATH: Final = "/usr/local/bin:/usr/bin:/bin"


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """How the command ended, and what it said."""

    code: int
    out: str
    error: str


async def ssh(
    target: Target,
    file: Path,
    command: str,
    *,
    first_use: bool = False,
    socket: Path | None = None,
    stays: int = 0,
) -> Answer:
    """Run the command; ``file`` holds the known hosts. Raises ``NotYet`` if it takes too long.

    ``socket``: of a connection that logins by the same key to the same guest share; ``stays``:
    this one makes it, if there is none, and it stays so many seconds after the last of them.
    """
    key = file.with_name(KEY) if target.private_key else target.key_file
    process = await asyncio.create_subprocess_exec(
        *("ssh", *ssh_options(file, first_use=first_use), *shared_by(socket, stays=stays)),
        *("-i", str(key), "-p", str(target.port), "-l", target.user),
        *("--", target.host, command),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=PIPE,
        stderr=PIPE,
        env={"PATH": SYSTEM_PATH, "HOME": str(file.parent), "LANG": "C.UTF-8"},
    )
    assert process.stdout is not None
    assert process.stderr is not None
    hearing = asyncio.gather(_heard(process.stdout), _heard(process.stderr), process.wait())
    try:
        done, _ = await asyncio.wait({hearing}, timeout=LOGIN_PATIENCE)
    finally:
        if process.returncode is None:
            process.kill()
        await asyncio.wait({hearing}, timeout=LAST_WORDS)  # to the ends of its pipes
        hearing.cancel()
    if not done:
        raise NotYet(f"no answer to a login within {LOGIN_PATIENCE:.0f} s")
    out, error, code = hearing.result()
    return Answer(code=code, out=out, error=error)


async def _heard(stream: asyncio.StreamReader) -> str:
    """Read to the end; return the beginning: the guest may say anything, and without an end."""
    kept = bytearray()
    while chunk := await stream.read(CHUNK):
        kept += chunk[: max(0, OUTPUT_LIMIT - len(kept))]
    return kept.decode(errors="replace")
