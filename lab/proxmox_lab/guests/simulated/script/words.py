"""Words of the shell: quotes, escapes and substitutions taken apart, operators set aside."""

import re
from dataclasses import dataclass
from enum import StrEnum

OPERATOR = re.compile(r"&&|\|\||2>&1|>&2|1>&2|&>>|&>|2>>|2>|>>|>|<|;|\||\(|\)|\n|&")
VARIABLE = re.compile(r"\$(\w+|[?@#$!*]|\{\w+\})")
ASSIGNMENT = re.compile(r"[A-Za-z_]\w*=")
GLOB = "*?["
BLANK = " \t\r"
ENDS_WORD = BLANK + "\n;|&()<>"


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
Token = Word | str  # a word, or an operator


def tokens_of(text: str) -> list[Token]:
    """The script as words and operators; raises ``NotModelled``."""
    tokens: list[Token] = []
    at = 0
    while at < len(text):
        operator = OPERATOR.match(text, at)
        if text[at] in BLANK:
            at += 1
        elif text[at] == "#":
            at = (text.find("\n", at) + len(text) + 1) % (len(text) + 1)
        elif operator:
            tokens.append(operator[0])
            at = operator.end()
        else:
            word, at = _Reader(text).word(at)
            tokens.append(word)
    return tokens


class _Reader:
    """Reads one word: quotes, escapes, substitutions."""

    def __init__(self, text: str) -> None:
        self._text = text

    def word(self, at: int) -> tuple[Word, int]:
        pieces: list[Piece] = []
        while at < len(self._text):
            mark = self._text[at]
            if mark in ENDS_WORD:
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


def plain(token: Token | None) -> str:
    """The unquoted text of a word; empty for operators."""
    if not isinstance(token, tuple):
        return ""
    return "".join(piece.value for piece in token if piece.sort is Sort.TEXT and not piece.quoted)
