"""Findings for people: a mark, what was found, and under it what repairs it."""

from collections.abc import Iterable, Mapping
from typing import Final

from rich.console import Console
from rich.text import Text

from yard_cli.client.hypervisor import Finding
from yard_cli.render import printable

MARKS: Final[Mapping[str, tuple[str, str]]] = {
    "ok": ("✓", "green"),
    "warning": ("!", "yellow"),
    "error": ("✗", "bold red"),
}


def print_findings(findings: Iterable[Finding], *, out: Console) -> None:
    """Print them in order, then how many there are of each kind."""
    counted = dict.fromkeys(MARKS, 0)
    for finding in findings:
        counted[finding.level] += 1
        mark, colour = MARKS[finding.level]
        out.print(Text.assemble((f"{mark} ", colour), printable(finding.title)))
        if finding.detail:
            out.print(Text(f"    {printable(finding.detail)}", style="bright_black"))
        if finding.command:
            out.print(Text.assemble("    ", (printable(finding.command), "cyan")))
    told = f"{counted['ok']} fine, {counted['warning']} to look at, {counted['error']} wrong"
    out.print(Text(told, style="bold"))
