"""Runs a parsed script: expansion, joints, pipes, redirections."""

from collections.abc import Awaitable, Callable
from dataclasses import replace

from proxmox_lab.guests.simulated.model.actor import PermissionRefused, demand_write
from proxmox_lab.guests.simulated.model.files import Kind, Node, NoSuchPath, NotADirectory
from proxmox_lab.guests.simulated.script.syntax import Command, Line, Pipeline, Redirection, parse
from proxmox_lab.guests.simulated.script.words import GLOB, NotModelled, Sort, Word
from proxmox_lab.guests.simulated.shell.expansion import (
    HOME_MARK,
    is_assignment,
    matches,
    split_assignments,
    variable,
    with_home,
)
from proxmox_lab.guests.simulated.shell.session import Input, Outcome, Session, failed

Runner = Callable[[list[str], Session], Awaitable[Outcome]]
NULL = "/dev/null"
NOT_MODELLED = 127


class Interpreter:
    """A shell over the machine's model. ``run_command`` runs one command with its words."""

    def __init__(self, run_command: Runner) -> None:
        """Take the table of commands as a function, so that commands may call the shell again."""
        self._run_command = run_command

    async def run(self, text: str, session: Session) -> Outcome:
        """Run a script; what the guest does not model fails and says so."""
        try:
            return await self._line(parse(text), session)
        except NotModelled as gap:
            return failed(
                f"sh: the simulated guest does not model {gap}: {text[:200]}", code=NOT_MODELLED
            )

    async def _line(self, line: Line, session: Session) -> Outcome:
        out, err, code = b"", b"", 0
        for pipeline in line.pipelines:
            if (pipeline.joint == "&&" and code) or (pipeline.joint == "||" and not code):
                continue
            session.variables["?"] = str(code)
            outcome, session = await self._pipeline(pipeline, session)
            code = outcome.code
            if session.sink is not None:
                session.sink(outcome)
            else:
                out, err = out + outcome.out, err + outcome.err
            if session.ended:
                break
        return Outcome(code=code, out=out, err=err)

    async def _pipeline(self, pipeline: Pipeline, session: Session) -> tuple[Outcome, Session]:
        err, stage, outcome, after = b"", session, Outcome(), session
        if len(pipeline.commands) > 1:
            stage = replace(stage, sink=None)
        for command in pipeline.commands:
            outcome, after = await self._command(command, stage)
            err += outcome.err
            stage = replace(stage, stdin=Input(outcome.out))
        if pipeline.negated:
            outcome = replace(outcome, code=0 if outcome.code else 1)
        # what a command changes of its surroundings (cd, umask, a variable) ends with its pipe
        kept = after if len(pipeline.commands) == 1 else session
        return replace(outcome, err=err), kept

    async def _command(self, command: Command, session: Session) -> tuple[Outcome, Session]:
        if command.redirections:
            session = replace(session, sink=None)
        if command.group is not None:
            inner = replace(session, variables=dict(session.variables))
            outcome = await self._line(command.group, inner)
            return await self._redirected(outcome, command.redirections, session), session
        words: list[str] = []
        for word in command.words:
            leads = not split_assignments(words)[0]
            words += await self._expand(word, session, whole=leads and is_assignment(word))
        words, given = split_assignments(words)
        if not words:
            session.variables.update(given)
            outcome, after = Outcome(), session
        else:
            surroundings = await self._with_input(command.redirections, session)
            surroundings = replace(surroundings, variables=session.variables | given)
            outcome, after = await self._call(words, surroundings, session)
        return await self._redirected(outcome, command.redirections, session), after

    async def _call(
        self, words: list[str], session: Session, before: Session
    ) -> tuple[Outcome, Session]:
        if words[0] == "umask" and len(words) > 1:
            return Outcome(), replace(before, umask=int(words[1], 8))
        if words[0] == "exit":
            code = words[1] if len(words) > 1 else before.variables.get("?", "0")
            return Outcome(code=int(code) & 0xFF), replace(before, ended=True)
        if words[0] == "cd":
            target = session.path(words[1]) if len(words) > 1 else session.home()
            if not session.machine.files.is_directory(target):
                return failed(f"sh: 1: cd: can't cd to {target}", code=2), before
            return Outcome(), replace(before, cwd=target)
        if words[0] in ("export", "set"):
            before.variables.update(split_assignments(words[1:])[1])
            return Outcome(), before
        return await self._run_command(words, session), before

    async def _expand(self, word: Word, session: Session, *, whole: bool = False) -> list[str]:
        text, splits, quoted = "", False, whole or any(piece.quoted for piece in word)
        for place, piece in enumerate(word):
            if piece.sort is Sort.COMMAND:
                outcome = await self._line(
                    parse(piece.value), replace(session, stdin=Input(), sink=None)
                )
                text += outcome.out.decode(errors="replace").rstrip("\n")
                splits |= not piece.quoted
            elif piece.sort is Sort.VARIABLE:
                text += variable(piece.value, session)
                splits |= not piece.quoted
            elif place == 0 and piece.value == "~" and not piece.quoted:
                text = HOME_MARK
            else:
                text += piece.value
        text = with_home(text, session)
        if not quoted and any(mark in text for mark in GLOB):
            return matches(text, session) or [text]
        return text.split() if splits and not quoted else [text]

    async def _with_input(self, redirections: tuple[Redirection, ...], session: Session) -> Session:
        for redirection in redirections:
            if redirection.operator == "<":
                (name,) = await self._expand(redirection.target, session)
                data = b"" if name == NULL else session.machine.files.read(session.path(name))
                session = replace(session, stdin=Input(data))
        return session

    async def _redirected(
        self, outcome: Outcome, redirections: tuple[Redirection, ...], session: Session
    ) -> Outcome:
        for redirection in reversed(redirections):
            outcome = await self._redirect(outcome, redirection, session)
        return outcome

    async def _redirect(
        self, outcome: Outcome, redirection: Redirection, session: Session
    ) -> Outcome:
        operator = redirection.operator
        if operator == "2>&1":
            return replace(outcome, out=outcome.out + outcome.err, err=b"")
        if operator in (">&2", "1>&2"):
            return replace(outcome, out=b"", err=outcome.err + outcome.out)
        if operator == "<":
            return outcome
        (name,) = await self._expand(redirection.target, session)
        errors, both = operator.startswith("2"), operator.startswith("&")
        data = outcome.err if errors else outcome.out + (outcome.err if both else b"")
        if name != NULL:
            problem = _write(session, name, data, append=operator.endswith(">>"))
            if problem:
                return failed(problem)
        kept_err = b"" if errors or both else outcome.err
        return replace(outcome, out=outcome.out if errors else b"", err=kept_err)


def _write(session: Session, name: str, data: bytes, *, append: bool) -> str:
    files, path = session.machine.files, session.path(name)
    node = files.find(path)
    owner = session.actor.name
    template = node or Node(kind=Kind.FILE, mode=0o666 & ~session.umask, owner=owner, group=owner)
    try:
        demand_write(files, path, actor=session.actor)
        before = files.read(path) if append and node is not None else b""
        files.write(path, before + data, template=template)
    except (NoSuchPath, NotADirectory, PermissionRefused, IsADirectoryError) as error:
        return f"sh: 1: cannot create {name}: {str(error).partition('] ')[2].partition(':')[0]}"
    return ""
