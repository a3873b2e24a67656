"""Words for systemd's unit files: whatever a word holds, systemd reads back just that.

A unit can be read by everybody. So a secret among the words, ``{secret: NAME}``, stands there as
the name of a variable, and its value in a file that only systemd reads.
"""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Final

PLAIN: Final = re.compile(r"[A-Za-z0-9_./:=,+@-]+")
# Control characters, and what some readers take for the end of a line.
SPECIAL: Final = re.compile("[\\x01-\\x1f\\x7f-\\x9f\\u2028\\u2029]")
NUL: Final = "\0"

UNTOLD: Final = "secret"
VARIABLE: Final = "SECRET_"  # what the names of such variables begin with

Word = str | int | Mapping[str, str] | Sequence["Word"]


def systemd_word(value: str | int) -> str:
    """Return one argument for ``ExecStart=`` and its like; ``%`` and ``$`` mean themselves."""
    return _quoted(str(value).replace("$", "$$"))


def systemd_words(command: Sequence[Word]) -> str:
    """Return a command line of a program's path and its arguments, lists among them laid out."""
    program, *arguments = _flat(command)
    path = str(program)
    # A sign before the path would be an order to systemd, and its quotes part of the name.
    if not path.startswith("/") or not PLAIN.fullmatch(path):
        raise ValueError("a unit's program is an absolute path without special characters")
    return " ".join([path, *map(_argument, arguments)])


def secret_names(command: Sequence[Word]) -> Sequence[str]:
    """Return the names of the secrets among a command's words."""
    return [word[UNTOLD] for word in _flat(command) if isinstance(word, Mapping)]


def environment_value(value: str | int) -> str:
    """Return a value for the file that ``EnvironmentFile=`` names; in quotes, all is itself."""
    text = str(value).replace("\\", "\\\\").replace('"', '\\"')
    if set(text) & {NUL, "\n", "\r"}:
        raise ValueError("a secret on a command line is one line of text")
    return f'"{text}"'


def systemd_environment(variables: Mapping[str, str | int]) -> str:
    """Return the value of ``Environment=``."""
    return " ".join(_quoted(f"{name}={value}") for name, value in variables.items())


def _argument(word: str | int | Mapping[str, str]) -> str:
    if isinstance(word, Mapping):
        return f"${{{VARIABLE}{word[UNTOLD]}}}"
    return systemd_word(word)


def _flat(words: Sequence[Word]) -> Iterator[str | int | Mapping[str, str]]:
    for word in words:
        if isinstance(word, (str, int, Mapping)):
            yield word
        else:
            yield from _flat(word)


def _quoted(text: str) -> str:
    if NUL in text:
        raise ValueError("a unit cannot hold a NUL character")
    text = text.replace("%", "%%")
    if PLAIN.fullmatch(text):
        return text
    text = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{SPECIAL.sub(_escaped, text)}"'


def _escaped(found: re.Match[str]) -> str:
    return f"\\u{ord(found[0]):04x}"


class FilterModule:
    """What Ansible asks for the filters of this file."""

    def filters(self) -> Mapping[str, Callable[..., str | Sequence[str]]]:
        """Name the filters."""
        return {
            "systemd_word": systemd_word,
            "systemd_words": systemd_words,
            "systemd_environment": systemd_environment,
            "secret_names": secret_names,
            "environment_value": environment_value,
        }
