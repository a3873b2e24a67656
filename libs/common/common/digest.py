"""One digest of many files: another one means that something else is made by them.

It is kept in databases (the recipe of a template, which playbook was played): how it is counted
must never change.
"""

import hashlib
from collections.abc import Iterable
from pathlib import Path


def digest_of(files: Iterable[Path], *, below: Path) -> str:
    """Return the digest (SHA-256, in hexadecimal) of names and contents, in the order given."""
    digest = hashlib.sha256()
    for file in files:
        name, content = file.relative_to(below).as_posix().encode(), file.read_bytes()
        digest.update(b"%d %d " % (len(name), len(content)) + name + content)
    return digest.hexdigest()
