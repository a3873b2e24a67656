"""``yard doctor``: what is wrong, here and at the hypervisor, and what repairs it."""

import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

import typer

from yard_cli.client.hypervisor import Finding
from yard_cli.commands import options
from yard_cli.commands.status import Health, healths
from yard_cli.commands.target import api, target
from yard_cli.failure import Failure
from yard_cli.interrupts import run
from yard_cli.render import console, show_json
from yard_cli.show.findings import print_findings

LITTLE: Final = 2 * 2**30  # bytes free on the disk of the data folder
NOTHING: Final = 200 * 2**20


def doctor(
    url: options.Url = None, data: options.Data = None, as_json: options.Json = False
) -> None:
    """Look at everything a deployment needs; exit 1 if something is wrong."""
    findings = run(_findings(url, data))
    healthy = all(finding.level != "error" for finding in findings)
    if as_json:
        show_json({"healthy": healthy, "findings": findings})
    else:
        print_findings(findings, out=console())
    if not healthy:
        raise typer.Exit(1)


async def _findings(url: str | None, data: Path | None) -> Sequence[Finding]:
    found = target(url, data)
    elsewhere = found.url if found.folder is None else None
    local = [_process(health) for health in await healths(elsewhere, data)]
    if found.folder is not None:
        local += _disk(found.folder.path)
    return [*local, *await _hypervisor(url, data)]


async def _hypervisor(url: str | None, data: Path | None) -> Sequence[Finding]:
    try:
        async with api(url, data) as gateway:
            return (await gateway.examine_hypervisor()).findings
    except Failure as failure:
        return [
            Finding(
                code="hypervisor_unseen",
                level="error",
                title="The hypervisor could not be looked at",
                detail="; ".join((failure.reason, *failure.details)),
                command=failure.remedy,
            )
        ]


def _process(health: Health) -> Finding:
    if health.state == "ready":
        title = f"{health.process} is ready"
        return Finding(code="process", level="ok", title=title)
    return Finding(
        code="process",
        level="error",
        title=f"{health.process} is {health.state}",
        detail="; ".join(health.ailing),
        command="./yard status  # and see logs/ in the data folder",
    )


def _disk(folder: Path) -> Iterator[Finding]:
    free = shutil.disk_usage(folder).free
    room = f"{free / 2**30:.1f} GiB are free in {folder}"
    if free < LITTLE:
        level = "error" if free < NOTHING else "warning"
        yield Finding(code="disk", level=level, title="The disk is nearly full", detail=room,
                      command=f"du -sh {folder}/*")  # fmt: skip
    else:
        yield Finding(code="disk", level="ok", title="There is room on the disk", detail=room)
