"""The part of the shell's grammar that the guest understands.

line     = chain (";" | newline) …        chain = pipeline ("&&" | "||") …
pipeline = ["!"] stage "|" …              stage = "(" line ")" | command with redirections
"""

import re
from dataclasses import dataclass
from enum import StrEnum

KEYWORDS = frozenset(
    {"if", "then", "fi", "for", "while", "until", "do", "done", "case", "esac", "{", "}"}
)
OPERATOR = re.compile(r"&&|\|\||2>&1|>&2|1>&2|&>>|&>|2>>|2>|>>|>|<|;|\||\(|\)|\n|&")
ASSIGNMENT = re.compile(r"[A-Za-z_]\w*=")
VARIABLE = re.compile(r"\$(\w+|[?@#$!*]|\{\w+\})")
REDIRECTIONS = frozenset({"2>&1", ">&2", "1>&2", "&>>", "&>", "2>>", "2>", ">>", ">", "<"})
WITHOUT_TARGET = frozenset({"2>&1", ">&2", "1>&2"})
GLOB = "*?["


class NotModelled(Exception):
    """The text uses something of the shell that the guest does not have."""


class Sort(StrEnum):
    """What a piece of a word is."""

    TEXT = "text"
    VARIABLE = "variable"
    COMMAND = "command"


@dataclass(frozen=True, slots=True)
class Piece:
    """A part of a word; quoted pieces are never split, nor are their tildes expanded."""

    sort: Sort
    value: str
    quoted: bool = False


Word = tuple[Piece, ...]


@dataclass(frozen=True, slots=True)
class Redirection:
    """``>`` and its kin; ``target`` is empty for those that join two streams."""

    operator: str
    target: Word = ()


@dataclass(frozen=True, slots=True)
class Command:
    """A simple command, or a group when ``group`` is set."""

    words: tuple[Word, ...]
    redirections: tuple[Redirection, ...] = ()
    group: "Line | None" = None


@dataclass(frozen=True, slots=True)
class Pipeline:
    """Commands joined by pipes; ``joint`` says when it runs: ``;``, ``&&`` or ``||``."""

    commands: tuple[Command, ...]
    joint: str = ";"
    negated: bool = False


@dataclass(frozen=True, slots=True)
class Line:
    """A whole script."""

    pipelines: tuple[Pipeline, ...]


def parse(text: str) -> Line:
    """The script's tree; raises ``NotModelled``."""
    return _Parser(_tokens(text)).line()


def first_command(text: str) -> list[str]:
    """The words of the first command of a script, ``exec`` taken off: what a unit really runs."""
    line = parse(text)
    words = line.pipelines[0].commands[0].words if line.pipelines else ()
    plain = ["".join(piece.value for piece in word) for word in words]
    return plain[1:] if plain[:1] == ["exec"] else plain


Token = Word | str  # a word, or an operator


def _tokens(text: str) -> list[Token]:
    tokens: list[Token] = []
    at = 0
    while at < len(text):
        operator = OPERATOR.match(text, at)
        if text[at] in " \t\r":
            at += 1
        elif text[at] == "#":
            at = (text.find("\n", at) + len(text) + 1) % (len(text) + 1)
        elif operator:
            tokens.append(operator[0])
            at = operator.end()
        else:
            word, at = _Words(text).word(at)
            tokens.append(word)
    return tokens


class _Words:
    """Reads one word: quotes, escapes, substitutions."""

    def __init__(self, text: str) -> None:
        self._text = text

    def word(self, at: int) -> tuple[Word, int]:
        pieces: list[Piece] = []
        while at < len(self._text):
            mark = self._text[at]
            if mark in " \t\r\n;|&()<>":
                break
            if mark == "'":
                end = self._closing("'", at + 1)
                pieces.append(Piece(Sort.TEXT, self._text[at + 1 : end], quoted=True))
                at = end + 1
            elif mark == '"':
                at = self._double(at + 1, pieces)
            else:
                at = self._piece(at, pieces, quoted=False)
        return tuple(pieces), at

    def _double(self, at: int, pieces: list[Piece]) -> int:
        pieces.append(Piece(Sort.TEXT, "", quoted=True))
        while self._text[at : at + 1] not in ('"', ""):
            at = self._piece(at, pieces, quoted=True)
        if at >= len(self._text):
            raise NotModelled("unterminated quoted string")
        return at + 1

    def _piece(self, at: int, pieces: list[Piece], *, quoted: bool) -> int:
        mark = self._text[at]
        if mark == "\\" and at + 1 < len(self._text):
            following = self._text[at + 1]
            kept = mark if quoted and following not in '$`"\\\n' else ""
            pieces.append(
                Piece(Sort.TEXT, "" if following == "\n" else kept + following, quoted=True)
            )
            return at + 2
        if mark == "`":
            end = self._closing("`", at + 1)
            pieces.append(Piece(Sort.COMMAND, self._text[at + 1 : end], quoted))
            return end + 1
        if self._text.startswith("$(", at):
            end = self._parenthesis(at + 2)
            pieces.append(Piece(Sort.COMMAND, self._text[at + 2 : end], quoted))
            return end + 1
        variable = VARIABLE.match(self._text, at)
        if variable:
            pieces.append(Piece(Sort.VARIABLE, variable[1].strip("{}"), quoted))
            return variable.end()
        pieces.append(Piece(Sort.TEXT, mark, quoted))
        return at + 1

    def _closing(self, mark: str, at: int) -> int:
        end = self._text.find(mark, at)
        if end < 0:
            raise NotModelled(f"unterminated {mark}")
        return end

    def _parenthesis(self, at: int) -> int:
        depth = 1
        while at < len(self._text):
            depth += {"(": 1, ")": -1}.get(self._text[at], 0)
            if not depth:
                return at
            at += 1
        raise NotModelled("unterminated $(")


class _Parser:
    """Recursive descent over the tokens."""

    def __init__(self, tokens: list[Token]) -> None:
        self._tokens = tokens
        self._at = 0

    def line(self) -> Line:
        pipelines: list[Pipeline] = []
        joint = ";"
        while (token := self._peek()) is not None and token != ")":
            if token in (";", "\n", "&&", "||"):
                joint = ";" if token == "\n" and joint == ";" else str(token)
                self._at += 1
            elif token == "&":
                raise NotModelled("background commands (&)")
            else:
                pipelines.append(self._pipeline(joint))
                joint = ";"
        return Line(tuple(pipelines))

    def _pipeline(self, joint: str) -> Pipeline:
        negated = _plain(self._peek()) == "!"
        self._at += int(negated)
        commands = [self._command()]
        while self._peek() == "|":
            self._at += 1
            commands.append(self._command())
        return Pipeline(tuple(commands), joint, negated)

    def _command(self) -> Command:
        group = None
        if self._peek() == "(":
            self._at += 1
            group = self.line()
            if self._peek() != ")":
                raise NotModelled("unterminated (")
            self._at += 1
        words: list[Word] = []
        redirections: list[Redirection] = []
        while (token := self._peek()) is not None:
            if isinstance(token, tuple):
                words.append(token)
                self._at += 1
            elif token in REDIRECTIONS:
                redirections.append(self._redirection(token))
            else:
                break
        if words and _plain(words[0]) in KEYWORDS:
            raise NotModelled(f"the shell's word {_plain(words[0])!r}")
        return Command(tuple(words), tuple(redirections), group)

    def _redirection(self, operator: str) -> Redirection:
        self._at += 1
        if operator in WITHOUT_TARGET:
            return Redirection(operator)
        target = self._peek()
        if not isinstance(target, tuple):
            raise NotModelled(f"{operator} without a target")
        self._at += 1
        return Redirection(operator, target)

    def _peek(self) -> Token | None:
        return self._tokens[self._at] if self._at < len(self._tokens) else None


def _plain(token: Token | None) -> str:
    if not isinstance(token, tuple):
        return ""
    return "".join(piece.value for piece in token if piece.sort is Sort.TEXT and not piece.quoted)
