"""What is done to a machine for each kind of request: a program of steps, and where it leads.

    deploy       reserve clone configure resize start address -> ready
    start        start address                                -> ready
    stop         shutdown                                     -> off
    restart      reboot address                               -> ready
    kill         stop                                         -> off
    resize       configure resize reboot address              -> ready   (off: configure resize)
    reconfigure  configure address                            -> ready   (off: configure)
    update       snapshot address                             -> ready
    rollback     stop rollback start address                  -> ready   (of an update)
    release      release                                      -> released
    convert      shutdown convert                             -> template (of a bake)
    remove       stop destroy                                 -> gone
    observe      observe                                      -> observed

The names of the steps are public: an operation shows them.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, Literal

PowerState = Literal["running", "stopped", "unknown"]


class Kind(StrEnum):
    """What is to be done to a machine."""

    DEPLOY = "deploy"
    START = "start"
    STOP = "stop"
    RESTART = "restart"
    KILL = "kill"
    RESIZE = "resize"
    RECONFIGURE = "reconfigure"
    UPDATE = "update"
    ROLLBACK = "rollback"  # after an update failed, or was called off
    RELEASE = "release"  # of the snapshot that an update has ended with
    CONVERT = "convert"  # into a template, when its guest is sealed
    REMOVE = "remove"
    OBSERVE = "observe"  # after a change was called off


class Stage(StrEnum):
    """Whether a machine is worked at, or how it has settled."""

    WORKING = "working"
    READY = "ready"
    OFF = "off"
    FAILED = "failed"
    OBSERVED = "observed"
    RELEASED = "released"
    TEMPLATE = "template"
    BLOCKED = "blocked"
    GONE = "gone"


@dataclass(frozen=True, slots=True)
class Program:
    """Steps in their order, and what the machine is after the last."""

    steps: tuple[str, ...]
    leads_to: Stage


PROGRAMS: Final[Mapping[Kind, Program]] = {
    Kind.DEPLOY: Program(
        ("reserve", "clone", "configure", "resize", "start", "address"), Stage.READY
    ),
    Kind.START: Program(("start", "address"), Stage.READY),
    Kind.STOP: Program(("shutdown",), Stage.OFF),
    Kind.RESTART: Program(("reboot", "address"), Stage.READY),
    Kind.KILL: Program(("stop",), Stage.OFF),
    Kind.RESIZE: Program(("configure", "resize", "reboot", "address"), Stage.READY),
    Kind.RECONFIGURE: Program(("configure", "address"), Stage.READY),
    Kind.UPDATE: Program(("snapshot", "address"), Stage.READY),
    Kind.ROLLBACK: Program(("stop", "rollback", "start", "address"), Stage.READY),
    Kind.RELEASE: Program(("release",), Stage.RELEASED),
    Kind.CONVERT: Program(("shutdown", "convert"), Stage.TEMPLATE),
    Kind.REMOVE: Program(("stop", "destroy"), Stage.GONE),
    Kind.OBSERVE: Program(("observe",), Stage.OBSERVED),
}

# Of a machine that was found switched off: it stays so.
PROGRAMS_OFF: Final[Mapping[Kind, Program]] = {
    Kind.RESIZE: Program(("configure", "resize"), Stage.OFF),
    Kind.RECONFIGURE: Program(("configure",), Stage.OFF),
}

CHANGES: Final = frozenset(Kind) - {
    Kind.DEPLOY, Kind.RELEASE, Kind.CONVERT, Kind.REMOVE, Kind.OBSERVE,
}  # fmt: skip


def program(kind: Kind, power: PowerState = "unknown") -> Program:
    """Return what is done, given how the VM was found to stand."""
    if power == "stopped" and kind in PROGRAMS_OFF:
        return PROGRAMS_OFF[kind]
    return PROGRAMS[kind]


def after(kind: Kind, step: str, *, power: PowerState) -> str | Stage:
    """Return the step that follows, or the stage that the program leads to."""
    way = program(kind, power)
    following = way.steps[way.steps.index(step) + 1 :]
    return following[0] if following else way.leads_to
