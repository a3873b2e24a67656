"""File modes as people write them: octal, or symbolic (``u=rwX,g=rX,o=``)."""

import re

from proxmox_lab.guests.simulated.model.files import Kind, Node

CLAUSE = re.compile(r"([ugoa]*)((?:[-+=][rwxXst]*)+)$")
STEP = re.compile(r"([-+=])([rwxXst]*)")
SHIFTS = {"u": 6, "g": 3, "o": 0}
BITS = {"r": 4, "w": 2, "x": 1}


class BadMode(Exception):
    """The text is no mode."""


def new_mode(wanted: str, node: Node) -> int:
    """The mode of ``node`` after applying what is wanted; raises ``BadMode``."""
    if re.fullmatch(r"[0-7]+", wanted):
        return int(wanted, 8) & 0o7777
    mode = node.mode
    for text in wanted.split(","):
        clause = CLAUSE.fullmatch(text)
        if clause is None:
            raise BadMode(f"bad symbolic permission for mode: {wanted}")
        who = "ugo" if "a" in clause[1] or not clause[1] else clause[1]
        for operator, letters in STEP.findall(clause[2]):
            mode = _step(mode, node, who=who, operator=operator, letters=letters)
    return mode


def shown(mode: int) -> str:
    """The mode as Ansible shows it: four octal digits."""
    return f"{mode:04o}"


def _step(mode: int, node: Node, *, who: str, operator: str, letters: str) -> int:
    runs = node.kind is Kind.DIRECTORY or bool(node.mode & 0o111)
    named = "".join("x" if letter == "X" and runs else letter for letter in letters)
    three = sum(BITS.get(letter, 0) for letter in set(named))
    bits = sum(three << SHIFTS[one] for one in who)
    bits |= 0o1000 if "t" in named else 0
    bits |= (0o4000 if "u" in who else 0) | (0o2000 if "g" in who else 0) if "s" in named else 0
    if operator == "-":
        return mode & ~bits
    if operator == "=":
        mode &= ~sum(7 << SHIFTS[one] for one in who)
    return mode | bits
