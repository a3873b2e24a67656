"""Paths of a guest as text, whatever lies there."""

import posixpath
from functools import lru_cache


def normal(path: str, cwd: str = "/") -> str:
    """An absolute path without dots, doubled or trailing slashes."""
    joined = posixpath.normpath(posixpath.join(cwd, path))
    return "/" + joined.lstrip("/")


@lru_cache(maxsize=4096)
def steps(path: str) -> tuple[str, ...]:
    """The directories on the way to a path, and the path itself: the same on every guest."""
    whole = normal(path)
    ends = [end for end, mark in enumerate(whole) if mark == "/" and end]
    return (*(whole[:end] for end in ends), whole)
