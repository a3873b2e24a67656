"""The part of the shell's grammar that the guest understands.

line     = chain (";" | newline) …        chain = pipeline ("&&" | "||") …
pipeline = ["!"] stage "|" …              stage = "(" line ")" | command with redirections
"""

from dataclasses import dataclass

from proxmox_lab.guests.simulated.script.words import NotModelled, Token, Word, plain, tokens_of

KEYWORDS = frozenset(
    {"if", "then", "fi", "for", "while", "until", "do", "done", "case", "esac", "{", "}"}
)
REDIRECTIONS = frozenset({"2>&1", ">&2", "1>&2", "&>>", "&>", "2>>", "2>", ">>", ">", "<"})
WITHOUT_TARGET = frozenset({"2>&1", ">&2", "1>&2"})


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
    return _Parser(tokens_of(text)).line()


def first_command(text: str) -> list[str]:
    """The words of the first command of a script, ``exec`` taken off: what a unit really runs."""
    line = parse(text)
    words = line.pipelines[0].commands[0].words if line.pipelines else ()
    texts = ["".join(piece.value for piece in word) for word in words]
    return texts[1:] if texts[:1] == ["exec"] else texts


class _Parser:
    """Recursive descent over the tokens."""

    def __init__(self, tokens: list[Token]) -> None:
        self._tokens = tokens
        self._at = 0

    def line(self) -> Line:
        pipelines: list[Pipeline] = []
        joint = ";"
        while (next_one := self._peek()) is not None and next_one != ")":
            if next_one in (";", "\n", "&&", "||"):
                joint = ";" if next_one == "\n" and joint == ";" else str(next_one)
                self._at += 1
            elif next_one == "&":
                raise NotModelled("background commands (&)")
            else:
                pipelines.append(self._pipeline(joint))
                joint = ";"
        return Line(tuple(pipelines))

    def _pipeline(self, joint: str) -> Pipeline:
        negated = plain(self._peek()) == "!"
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
        if words and plain(words[0]) in KEYWORDS:
            raise NotModelled(f"the shell's word {plain(words[0])!r}")
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
