"""The ceilings of STYLE.md, measured: lengths, arguments, suppressions."""

import ast
import re
import statistics
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parent.parent
ROOMS: Final = ("libs", "services", "lab", "clients", "tools")

FILE_LINES: Final = 200
FUNCTION_LINES: Final = 40
SUPPRESSIONS: Final = 2.0  # per 1,000 lines
SUPPRESSION: Final = re.compile(r"#\s*(noqa|type: ignore|pyright: ?ignore)")
BARE: Final = re.compile(r"#\s*noqa\s*$|#\s*type: ignore\s*$|#\s*pyright: ?ignore\s*$")


@dataclass(frozen=True, slots=True)
class Module:
    """One file and what was counted in it."""

    path: Path
    lines: int
    functions: tuple[tuple[str, int], ...]
    suppressions: int
    bare: int


def measured(path: Path) -> Module:
    """Count one file."""
    text = path.read_text()
    functions = tuple(
        (node.name, (node.end_lineno or node.lineno) - node.lineno + 1)
        for node in ast.walk(ast.parse(text))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    )
    lines = text.splitlines()
    return Module(
        path=path.relative_to(ROOT),
        lines=len(lines),
        functions=functions,
        suppressions=sum(bool(SUPPRESSION.search(line)) for line in lines),
        bare=sum(bool(BARE.search(line)) for line in lines),
    )


def too_much(modules: list[Module]) -> Iterator[str]:
    """Name everything above its ceiling."""
    for module in modules:
        if module.lines > FILE_LINES:
            yield f"{module.path}: {module.lines} lines, ceiling {FILE_LINES}"
        for name, length in module.functions:
            if length > FUNCTION_LINES:
                yield f"{module.path}: {name}() has {length} lines, ceiling {FUNCTION_LINES}"
        if module.bare:
            yield f"{module.path}: a suppression without a code"
    lines = sum(module.lines for module in modules)
    share = 1000 * sum(module.suppressions for module in modules) / max(lines, 1)
    if share > SUPPRESSIONS:
        yield f"{share:.1f} suppressions per 1,000 lines, ceiling {SUPPRESSIONS}"


def main() -> int:
    """Print the measures and what is too much; return 1 if anything is."""
    paths = [p for room in ROOMS for p in sorted((ROOT / room).rglob("*.py"))]
    modules = [measured(p) for p in paths if not {"migrations", "__pycache__"} & set(p.parts)]
    found = list(too_much(modules))
    lengths = [length for module in modules for _, length in module.functions]
    print(
        f"{len(modules)} files, {sum(m.lines for m in modules)} lines, "
        f"median file {statistics.median(m.lines for m in modules):.0f}, "
        f"median function {statistics.median(lengths):.0f} lines"
    )
    for excess in found:
        print(excess)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
