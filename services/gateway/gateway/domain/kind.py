"""The kinds of operations: the steps each is going to take, and the time it is given."""

from collections.abc import Mapping
from datetime import timedelta
from enum import StrEnum
from typing import Final

from common.contracts import events as evt
from common.contracts.requests import Change


class Kind(StrEnum):
    """What an operation does to its server."""

    DEPLOY = "deploy"
    DELETE = "delete"
    START = "start"
    STOP = "stop"
    RESTART = "restart"
    KILL = "kill"
    RESIZE = "resize"
    RECONFIGURE = "reconfigure"
    UPDATE = "update"
    BAKE = "bake"


# Those that change an existing server and leave its VM where it is, and what the bus calls them.
CHANGES: Final[Mapping[Kind, Change]] = {
    Kind.START: "start",
    Kind.STOP: "stop",
    Kind.RESTART: "restart",
    Kind.KILL: "kill",
    Kind.RESIZE: "resize",
    Kind.RECONFIGURE: "reconfigure",
    Kind.UPDATE: "update",
}

# Those after which the server is what their spec says.
RESHAPING: Final = frozenset({Kind.RESIZE, Kind.RECONFIGURE, Kind.UPDATE})

# From being asked for to a result. A start may have to bring up settings that were changed
# while the server was off: it is given the time of a playbook.
TIME_GIVEN: Final[Mapping[Kind, timedelta]] = {
    Kind.DEPLOY: timedelta(minutes=45),
    Kind.DELETE: timedelta(minutes=45),
    Kind.START: timedelta(minutes=30),
    Kind.STOP: timedelta(minutes=10),
    Kind.RESTART: timedelta(minutes=30),
    Kind.KILL: timedelta(minutes=5),
    Kind.RESIZE: timedelta(minutes=45),
    Kind.RECONFIGURE: timedelta(minutes=45),
    Kind.UPDATE: timedelta(minutes=60),
    Kind.BAKE: timedelta(hours=2),
}
# Those that may install a game, which some games' manifests give more time than this.
INSTALLING: Final = frozenset({Kind.DEPLOY, Kind.RESIZE, Kind.RECONFIGURE, Kind.UPDATE, Kind.BAKE})
INSTALL_TIME: Final = timedelta(minutes=45)
ROLLBACK_PATIENCE: Final = timedelta(minutes=30)  # for going back to what was before an update
CANCEL_PATIENCE: Final = timedelta(minutes=5)  # for letting go of a change
REMOVAL_PATIENCE: Final = timedelta(hours=24)  # for taking back what a deployment made

# Weights are the seconds a step takes on a common installation; only their ratio matters.
_NEW_VM: Final = {"reserve": 1, "clone": 15, "configure": 1, "resize": 1, "start": 3}
_BOOTED: Final = {"address": 15, "ssh": 5, "resolve": 2}
_RUNNING: Final = {"address": 3, "ssh": 2, "resolve": 2}
_INSTALLED: Final = {"playbook": 50, "ready": 9}
_STARTED: Final = {"playbook": 10, "ready": 9}  # often there is nothing to change

WEIGHTS: Final[Mapping[Kind, Mapping[str, float]]] = {
    Kind.DEPLOY: {**_NEW_VM, **_BOOTED, **_INSTALLED},
    Kind.DELETE: {"stop": 3, "destroy": 3},
    Kind.START: {"start": 3, **_BOOTED, **_STARTED},
    Kind.STOP: {"shutdown": 10},
    Kind.RESTART: {"reboot": 8, **_BOOTED, **_STARTED},
    Kind.KILL: {"stop": 3},
    Kind.RESIZE: {"configure": 1, "resize": 1, "reboot": 8, **_BOOTED, **_INSTALLED},
    Kind.RECONFIGURE: {"configure": 1, **_RUNNING, **_INSTALLED},
    Kind.UPDATE: {"snapshot": 4, **_RUNNING, **_INSTALLED},
    Kind.BAKE: {**_NEW_VM, **_BOOTED, "playbook": 50, "shutdown": 10, "convert": 3},
}

# What a new shape takes of a server whose VM is off.
_WHILE_OFF: Final[Mapping[Kind, frozenset[str]]] = {
    Kind.RESIZE: frozenset({"configure", "resize"}),
    Kind.RECONFIGURE: frozenset({"configure"}),
}

# What may have been left out when an operation succeeds with this fact: nothing called for it.
MAY_BE_SKIPPED: Final[Mapping[tuple[Kind, type[evt.Event]], frozenset[str]]] = {
    (Kind.START, evt.ServerReady): frozenset({"resolve", "playbook"}),
    (Kind.RESTART, evt.ServerReady): frozenset({"resolve", "playbook"}),
    (Kind.RESIZE, evt.ServerReady): frozenset({"reboot"}),
    (Kind.UPDATE, evt.ServerReady): frozenset({"resolve"}),
    **{
        (kind, evt.VMStopped): frozenset(WEIGHTS[kind]) - steps
        for kind, steps in _WHILE_OFF.items()
    },
}


def time_given(kind: Kind, *, install: timedelta = INSTALL_TIME) -> timedelta:
    """Return how long an operation may take on a game that takes so long to ``install``."""
    more = max(install - INSTALL_TIME, timedelta()) if kind in INSTALLING else timedelta()
    return TIME_GIVEN[kind] + more


def weights(kind: Kind, *, is_off: bool) -> Mapping[str, float]:
    """Return the steps that are planned, in order, and what each weighs."""
    kept = _WHILE_OFF.get(kind) if is_off else None
    return {name: weight for name, weight in WEIGHTS[kind].items() if kept is None or name in kept}
