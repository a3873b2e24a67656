"""Words become texts: variables, home directories, patterns."""

import fnmatch
import posixpath

from proxmox_lab.guests.simulated.script.words import ASSIGNMENT
from proxmox_lab.guests.simulated.shell.session import Session

HOME_MARK = "\0"  # an unquoted tilde at the start of a word


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
