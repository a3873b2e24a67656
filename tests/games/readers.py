"""How programs read what our filters write: written down anew, from the formats' own rules."""

import configparser
import json
import re
from collections.abc import Callable, Iterator, Mapping
from itertools import takewhile

# What a reader says to a file that breaks its format's rules.
REFUSALS = (AssertionError, ValueError, configparser.Error)

# A value by its name; of a file with sections, by SECTION/NAME.
Read = dict[str, str]

WORD = re.compile(r'"((?:[^"\\]|\\.)*)"|([^\s"\\]+)', re.DOTALL)
ESCAPE = re.compile(r"\\(?:u([0-9a-fA-F]{4})|(.))", re.DOTALL)
JAVA = {"t": "\t", "n": "\n", "r": "\r", "f": "\f"}
PAIR = re.compile(r'(?P<name>\S+) (?:"(?P<quoted>(?:[^"\\]|\\.)*)"|(?P<bare>[^\s"#]+))')
ASSIGNMENT = re.compile(r"(?P<name>[^\s=:]+)\s*[=:]\s*(?P<value>.*)")
NO_SECTION = "-"


def unescaped(text: str, named: Mapping[str, str] = {}) -> str:
    """Take the backslashes out of a text: those before a sign, and those of ``\\uXXXX``."""

    def meant(found: re.Match[str]) -> str:
        return chr(int(found[1], 16)) if found[1] else named.get(found[2], found[2])

    return ESCAPE.sub(meant, text).encode("utf-16", "surrogatepass").decode("utf-16")


def as_systemd(line: str) -> list[str]:
    """Split as systemd does: quotes, C escapes, then specifiers and variables."""
    words: list[str] = []
    while line:
        found = WORD.match(line)
        assert found is not None, line
        word = found[2] if found[1] is None else unescaped(found[1])
        words.append(word.replace("%%", "%").replace("$$", "$"))
        assert line[found.end() :][:1] in {"", " "}
        line = line[found.end() + 1 :]
    return words


def as_systemd_file(value: str) -> str:
    """Read a value in quotes out of an ``EnvironmentFile``: few signs lose a backslash there."""
    found = re.fullmatch(r'"((?:[^"\\]|\\.)*)"', value, re.DOTALL)
    assert found is not None, value
    return re.sub(r'\\(["\\`$])', r"\1", found[1])


def as_java(value: str) -> str:
    """Read a value as java.util.Properties does."""
    return unescaped(value.lstrip(" \t\f"), JAVA)


def ini(text: str) -> Read:
    """``name=value`` as it stands; neither quotes nor backslashes mean anything."""
    parser = configparser.RawConfigParser(
        strict=True, delimiters=("=",), comment_prefixes=("#", ";"), empty_lines_in_values=False
    )
    parser.optionxform = lambda optionstr: optionstr
    parser.read_string(f"[{NO_SECTION}]\n{text}")
    return {
        name if section == NO_SECTION else f"{section}/{name}": value
        for section in parser.sections()
        for name, value in parser.items(section)
    }


def blocks(text: str) -> Read:
    """The same, but a value of three quotes opens a text, and one of a brace a group."""
    found: Read = {}
    lines = iter(text.splitlines())
    for line in lines:
        name, assigns, value = (part.strip() for part in line.partition("="))
        if not assigns or name.startswith("#"):
            continue
        if value.startswith('"""') or value == "{":
            end = "}" if value == "{" else '"""'
            value = "\n".join(takewhile(lambda line, end=end: line.strip() != end, lines))
        assert name not in found
        found[name] = value
    return found


def properties(text: str) -> Read:
    """Java's properties: backslashes, ``#`` and ``!`` before comments, ``=`` or ``:``."""
    lines = [line for line in text.splitlines() if line.strip() and line.lstrip()[0] not in "#!"]
    assert not [line for line in lines if re.search(r"(?<!\\)(\\\\)*\\$", line)], "goes on"
    return _pairs(lines, ASSIGNMENT, lambda found: as_java(found["value"]))


def quoted(text: str) -> Read:
    """``name "value"``: within the quotes a backslash takes a sign as it is."""

    def value(found: re.Match[str]) -> str:
        return found["bare"] if found["quoted"] is None else unescaped(found["quoted"])

    lines = [line for line in text.splitlines() if line.strip() and not line.startswith("#")]
    return _pairs(lines, PAIR, value)


def _pairs(lines: list[str], form: re.Pattern[str], value: Callable[[re.Match[str]], str]) -> Read:
    read: Read = {}
    for line in lines:
        found = form.fullmatch(line)
        assert found is not None, line
        assert found["name"] not in read
        read[found["name"]] = value(found)
    return read


def members(text: str) -> Read:
    """A JSON object's members, by their paths; texts as they are, all others as JSON."""

    def walk(place: str, value: object) -> Iterator[tuple[str, str]]:
        if isinstance(value, dict):
            for name, member in value.items():
                yield from walk(f"{place}/{name}", member)
        else:
            yield place, value if isinstance(value, str) else json.dumps(value)

    return dict(walk("", json.loads(text)))


def unit(text: str) -> Read:
    """A systemd unit: the words of its commands, by their places, its environment, its lines."""
    found: Read = {}
    for line in text.splitlines():
        name, _, value = line.partition("=")
        place = f"{name}{sum(key.startswith(name) for key in found):03}"
        if name.startswith("Exec"):
            found |= {f"{place}/{at:03}": word for at, word in enumerate(as_systemd(value))}
        elif name == "Environment":
            # In an assignment a dollar means itself.
            found |= dict(word.split("=", 1) for word in as_systemd(value.replace("$", "$$")))
        else:
            found[place] = value
    return found


def secrets(text: str) -> Read:
    """The variables of an ``EnvironmentFile``, each on a line of its own."""
    lines = (line.partition("=") for line in text.splitlines() if not line.startswith("#"))
    return {name: as_systemd_file(value) for name, _, value in lines}


FORMATS: Mapping[str, Callable[[str], Read]] = {
    "blocks": blocks,
    "ini": ini,
    "json": members,
    "properties": properties,
    "quoted": quoted,
}
