"""How the build tells what it does: JSON to programs, lines to logs, a moving line to people."""

import json
import shutil
import threading
import time
from collections.abc import Mapping
from typing import Final, Protocol, Self, TextIO

_TICK: Final = 0.2
_ERASE: Final = "\r\x1b[2K"


class Voice(Protocol):
    """Tells of one build or question, for as long as the block lasts."""

    def __enter__(self) -> Self: ...
    def __exit__(self, *_: object) -> None: ...

    def step(self, name: str, text: str) -> None:
        """Tell what goes on now, and of which step it is part."""
        ...

    def say(self, record: Mapping[str, object], text: str, /) -> None:
        """Tell a result: ``record`` to programs, ``text`` to people."""
        ...


class JsonVoice:
    """One JSON object a line: ``step text seconds``, then the result or ``error remedy``."""

    def __init__(self, out: TextIO) -> None:
        self._out = out
        self._began = time.monotonic()

    def __enter__(self) -> Self:
        """Begin."""
        return self

    def __exit__(self, *_: object) -> None:
        """End."""

    def step(self, name: str, text: str) -> None:
        """Tell what goes on now."""
        seconds = round(time.monotonic() - self._began, 1)
        self.say({"step": name, "text": text, "seconds": seconds}, text)

    def say(self, record: Mapping[str, object], _text: str, /) -> None:
        """Tell a result."""
        self._out.write(json.dumps(record) + "\n")
        self._out.flush()


class LineVoice(JsonVoice):
    """A line for everything, with the seconds since the beginning."""

    def step(self, name: str, text: str) -> None:
        """Tell what goes on now."""
        self._line(f"[{time.monotonic() - self._began:6.1f} s] {name}: {text}")

    def say(self, _record: Mapping[str, object], text: str, /) -> None:
        """Tell a result."""
        self._line(text)

    def _line(self, text: str) -> None:
        self._out.write(text + "\n")
        self._out.flush()


class TerminalVoice:
    """The step that goes on, with its seconds running; a line stays of each that is over."""

    def __init__(self, out: TextIO) -> None:
        self._out = out
        self._name, self._text, self._since = "", "", 0.0
        self._one_writes = threading.Lock()
        self._over = threading.Event()
        self._ticking = threading.Thread(target=self._tick, daemon=True)

    def __enter__(self) -> Self:
        """Begin to draw."""
        self._ticking.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Leave the cursor at the beginning of an empty line."""
        self._over.set()
        self._ticking.join()
        self._out.write(_ERASE)
        self._out.flush()

    def step(self, name: str, text: str) -> None:
        """Tell what goes on now; another name ends the step before."""
        with self._one_writes:
            if name != self._name:
                self._finish("✓")
                self._name, self._since = name, time.monotonic()
            self._text = text

    def say(self, record: Mapping[str, object], text: str, /) -> None:
        """Tell a result, which ends the step that went on."""
        with self._one_writes:
            self._finish("✗" if "error" in record else "✓")
            self._out.write(f"{_ERASE}{text}\n")
            self._out.flush()

    def _finish(self, mark: str) -> None:
        if self._name:
            self._out.write(f"{_ERASE}{mark} {self._name:<10}{self._seconds():>7.1f} s\n")
        self._name = ""

    def _tick(self) -> None:
        while not self._over.wait(_TICK):
            with self._one_writes:
                if self._name:
                    line = f"… {self._name:<10}{self._seconds():>7.1f} s  {self._text}"
                    width = shutil.get_terminal_size().columns - 1
                    self._out.write(_ERASE + line[:width])
                    self._out.flush()

    def _seconds(self) -> float:
        return time.monotonic() - self._since


def voice_for(out: TextIO, *, as_json: bool) -> Voice:
    """Return the voice for who listens."""
    if as_json:
        return JsonVoice(out)
    return TerminalVoice(out) if out.isatty() else LineVoice(out)
