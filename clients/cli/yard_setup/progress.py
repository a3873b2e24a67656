"""Shows how far the set-up is: short lines with a counter."""

import sys


class Progress:
    """One line that changes where a terminal shows it, a line for each change elsewhere."""

    def __init__(self, total: int) -> None:
        self._total = total
        self._done = 0
        self._terminal = sys.stderr.isatty()

    def say(self, text: str) -> None:
        """Show a phase of the set-up."""
        line = f"yard: {text}"[:78]
        sys.stderr.write(f"\r\x1b[K{line}" if self._terminal else f"{line}\n")
        sys.stderr.flush()

    def count(self, package: str) -> None:
        """Show the next package."""
        self._done = min(self._done + 1, self._total)
        self.say(f"[{self._done}/{self._total}] {package}")

    def end(self, text: str) -> None:
        """Show the last word."""
        self.say(text)
        if self._terminal:
            sys.stderr.write("\n")

    def follow_pip(self, line: str) -> None:
        """Make something readable of one line of pip's."""
        words = line.split()
        if line.startswith("Collecting "):
            self.count(words[1].split("==")[0])
        elif line.startswith("Requirement already satisfied: "):
            self.count(words[3].split("==")[0])
        elif line.startswith("Installing collected packages"):
            self.say(f"installing {len(words) - 3} packages")
