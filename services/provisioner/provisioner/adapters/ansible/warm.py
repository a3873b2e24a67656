"""Ansible within this process: loaded before it is needed, and then played in a fork of it.

``ansible-playbook`` as a program takes most of a second to load itself, and as much again to pack
the modules that it sends to a guest. A process that waits for its job has loaded it all; the fork
begins where that one is, and finds the modules packed as earlier runs have left them.
"""

import gc
import importlib
import os
import signal
import sys
import traceback
import warnings
from collections.abc import Mapping, Sequence
from functools import partial
from os import environ
from pathlib import Path
from typing import Any, Final, NoReturn

import pexpect

MODULES: Final = (
    "ansible.cli.playbook",
    "ansible.executor.playbook_executor",
    "ansible.executor.task_executor",
    "ansible.executor.module_common",
    "ansible.plugins.callback.default",
)
# By the names of Ansible's loaders: what the plays of games use, each in a process of its own.
PLUGINS: Final[Mapping[str, Sequence[str]]] = {
    "inventory": ("yaml",),
    "strategy": ("linear",),
    "action": ("normal", "raw", "command", "copy", "template", "include_vars", "unarchive"),
}
# Of these a run looks at all there are, whichever it is going to use.
KINDS: Final = ("connection", "shell", "become", "cache", "vars", "callback")
# Has filters and a test in it: each task would load them anew in a process of its own.
EXPRESSION: Final = "settings.none | default('') | quote is match('.*')"
PACKED: Final = "SPAWNYARD_MODULES"  # names, in a run's environment, where packed modules are kept
CACHE: Final = "ansiballz_cache"  # what Ansible calls that place
CHUNK: Final = 65_536  # bytes read at once of what it says
WARNED: Final = "AnsibleCollectionFinder has already been configured"


def load() -> None:
    """Load Ansible, with as little as may be left to do for a run."""
    for name in MODULES:
        importlib.import_module(name)
    loaders: Any = importlib.import_module("ansible.plugins.loader")
    loaders.init_plugin_loader()
    for kind, names in PLUGINS.items():
        for name in names:
            getattr(loaders, f"{kind}_loader").get(name, class_only=True)
    for kind in KINDS:
        list(getattr(loaders, f"{kind}_loader").all(class_only=True))
    _evaluate(EXPRESSION)
    constants: Any = importlib.import_module("ansible.constants")
    Path(constants.DEFAULT_LOCAL_TMP).rmdir()  # each run has a place of its own
    gc.freeze()


def _evaluate(expression: str) -> None:
    """Evaluate a condition, for which Ansible loads all of its filters and tests."""
    template: Any = importlib.import_module("ansible.template")
    templar = template.Templar(variables={"settings": {}})
    templar.evaluate_conditional(template.trust_as_template(expression))


def packed_in(kept: Path) -> Path:
    """Return where, below ``kept``, modules are that this Ansible has packed, and no other.

    Ansible itself keeps them no longer than a run, and names no version.
    """
    release: Any = importlib.import_module("ansible.release")
    python = ".".join(str(part) for part in sys.version_info[:3])
    return kept / f"{release.__version__}-{python}"


class Forked(pexpect.spawn):  # pyright: ignore[reportMissingTypeArgument]  only its stubs are generic
    """A terminal in which Ansible plays in a fork of this process, in place of a program."""

    def __init__(
        self,
        command: str,
        args: list[str],
        *,
        env: Mapping[str, str],
        **more: Any,  # noqa: ANN401  whatever a terminal takes
    ) -> None:
        """Begin at once."""
        play = partial(_play, [command, *args], env)
        super().__init__(command, args, env=env, preexec_fn=play, maxread=CHUNK, **more)
        terminal: Any = self
        terminal.ptyproc.delayafterclose = 0.0  # by then it has ended, or we end it


def _play(words: Sequence[str], environment: Mapping[str, str]) -> NoReturn:
    """Be ``ansible-playbook``, called with these words, and end."""
    code = 1
    try:
        _begin_anew(words, environment)
        cli: Any = importlib.import_module("ansible.cli.playbook")
        cli.PlaybookCLI.cli_executor(list(words))
    except SystemExit as ended:
        code = ended.code if isinstance(ended.code, int) else int(bool(ended.code))
    except BaseException:  # noqa: BLE001  nothing of it may get into the process forked from
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def _begin_anew(words: Sequence[str], environment: Mapping[str, str]) -> None:
    """Forget what belongs to the process forked from, as starting a program would."""
    os.closerange(3, os.sysconf("SC_OPEN_MAX"))
    # Ansible forks for each task: memory that is looked through there has to be copied first. What
    # cycles leave behind in a run is little, and goes with it.
    gc.disable()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, signal.SIG_DFL)
    sys.argv = list(words)
    environ.clear()
    environ.update(environment)
    warnings.filterwarnings("ignore", message=WARNED)
    constants: Any = importlib.import_module("ansible.constants")
    for name in constants.config.get_configuration_definitions():
        value = constants.config.get_config_value(name, variables=vars(constants))
        constants.set_constant(name, value)
    loaders: Any = importlib.import_module("ansible.plugins.loader")
    for folder in environment.get("ANSIBLE_CALLBACK_PLUGINS", "").split(os.pathsep):
        loaders.callback_loader.add_directory(folder)
    if PACKED in environment:
        Path(constants.DEFAULT_LOCAL_TMP, CACHE).symlink_to(environment[PACKED])
