"""Files that nobody but their owner may read, put in place whole."""

import os
from pathlib import Path


def write_private(path: Path, content: bytes) -> None:
    """Put ``content`` in place at once, readable by its owner alone."""
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    draft.unlink(missing_ok=True)
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    draft.replace(path)
