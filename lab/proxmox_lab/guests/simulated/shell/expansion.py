"""Words become texts: variables, home directories, patterns."""

import fnmatch
import itertools
import posixpath

from proxmox_lab.guests.simulated.script.words import ASSIGNMENT, Sort, Word
from proxmox_lab.guests.simulated.shell.session import Session

HOME_MARK = "\0"  # an unquoted tilde at the start of a word


def is_assignment(word: Word) -> bool:
    """Whether the word gives a variable its value, which is not split, if it leads a command."""
    bare = itertools.takewhile(lambda piece: piece.sort is Sort.TEXT and not piece.quoted, word)
    return ASSIGNMENT.match("".join(piece.value for piece in bare)) is not None


def split_assignments(words: list[str]) -> tuple[list[str], dict[str, str]]:
    """Assignments before a command, taken off its words."""
    given: dict[str, str] = {}
    while words and ASSIGNMENT.match(words[0]):
        name, _, value = words[0].partition("=")
        given[name] = value
        words = words[1:]
    return words, given


def variable(name: str, session: Session) -> str:
    """The value of a variable; empty when it is not set."""
    known = {"HOME": session.home(), "USER": session.actor.name, "PWD": session.cwd, "$": "4242"}
    return session.variables.get(name, known.get(name, ""))


def with_home(text: str, session: Session) -> str:
    """``~`` and ``~user`` at the start, resolved."""
    if not text.startswith(HOME_MARK):
        return text
    name, slash, rest = text[1:].partition("/")
    user = session.machine.accounts.users.get(name or session.actor.name)
    return (user.home if user else f"~{name}") + slash + rest


def matches(pattern: str, session: Session) -> list[str]:
    """The paths that a pattern stands for."""
    full = posixpath.join(session.cwd, pattern)
    depth = full.count("/")
    found = [
        p for p in session.machine.files.nodes if p.count("/") == depth and fnmatch.fnmatch(p, full)
    ]
    if pattern.startswith("/"):
        return sorted(found)
    return sorted(path[len(session.cwd.rstrip("/")) + 1 :] for path in found)
