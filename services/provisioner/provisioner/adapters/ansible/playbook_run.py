"""The child of one playbook run: ``python -m provisioner.adapters.ansible.playbook_run NAME``.

It reads its job from standard input, holds the lock of its server for as long as it lives,
writes what happens to standard output, and takes every process it started with it: at the
end, when told to stop, and when its parent dies.
"""

import fcntl
import json
import os
import shlex
import shutil
import signal
import sys
import time
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final, TextIO, cast

import ansible_runner  # pyright: ignore[reportMissingTypeStubs]  it ships none
import pexpect

from provisioner.adapters.ansible.events import last_output, task_event
from provisioner.adapters.ansible.job import BORN, MARK, Job, Told
from provisioner.adapters.ansible.process_tree import end_descendants, end_marked, stay_with
from provisioner.adapters.ansible.warm import PACKED, Forked, load, packed_in
from provisioner.adapters.folders import drop_dead
from provisioner.domain.inventory import shared_by, ssh_options
from provisioner.domain.play import BROKEN, KILLED, NOT_RUN, PlayEnded

KEY: Final = "id"  # in the run's own folder
LOCK_PATIENCE: Final = 60.0  # seconds an earlier run has to be gone


def main() -> None:
    """Run one job to its end."""
    os.umask(0o077)
    stay_with(os.getppid())
    told = _own_output()
    load()
    _tell(told, Told())
    line = sys.stdin.buffer.readline()
    if not line:
        return  # nobody wants us any more
    job = Job.model_validate_json(line)
    stay_with(job.parent)

    def stop(_number: int, _frame: object) -> None:
        _clear(job)
        os._exit(143)

    with _locked(job.lock):
        # Not before: while another run holds the lock, the folder is that one's.
        signal.signal(signal.SIGTERM, stop)
        end_marked(MARK, str(job.directory))
        shutil.rmtree(job.directory, ignore_errors=True)
        try:
            ended = _play(job, told)
        finally:
            _clear(job)
            signal.signal(signal.SIGTERM, signal.SIG_DFL)
    _tell(told, Told(ended=ended))


def _clear(job: Job) -> None:
    """Leave nothing behind: no process, no folder, no socket of a connection that was ours."""
    end_descendants()
    shutil.rmtree(job.directory, ignore_errors=True)
    if job.socket is not None:
        drop_dead(job.socket)


def _own_output() -> TextIO:
    """Keep standard output for ourselves; whatever libraries print goes to standard error."""
    ours = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    return ours


def _tell(told: TextIO, what: Told) -> None:
    told.write(what.model_dump_json(exclude_none=True) + "\n")
    told.flush()


@contextmanager
def _locked(path: Path) -> Generator[None]:
    """Hold the lock until the block ends; two runs of one server never overlap.

    What the last holder has left is ended, and our own name written down for the next.
    """
    with path.open("a+") as file:
        deadline = time.monotonic() + LOCK_PATIENCE
        while True:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                if time.monotonic() > deadline:
                    sys.exit("another run of this server does not end")
                time.sleep(0.1)
            else:
                break
        file.seek(0)
        end_marked(BORN, file.read().strip())
        file.truncate(0)
        file.write(sys.argv[-1])
        file.flush()
        yield


def _play(job: Job, told: TextIO) -> PlayEnded:
    _prepare(job)

    def tell(event: dict[str, Any]) -> bool:
        # Also without a word for people it is a sign of life.
        _tell(told, Told(event=task_event(event, secrets=job.secrets)))
        return True  # keep the event's file: ansible-runner counts on it

    pexpect.spawn = Forked  # which is what ansible-runner starts Ansible with
    runner: Any = cast("Any", ansible_runner).run(
        private_data_dir=str(job.directory),
        project_dir=str(job.project),
        playbook=job.playbook,
        tags=",".join(("all", *job.tags)) if job.tags else None,
        inventory=str(job.directory / "inventory" / "hosts.json"),
        envvars=_environment(job),
        ident="run",
        quiet=True,
        event_handler=tell,
        cancel_callback=lambda: False,  # ours is SIGTERM; without this it takes the signal over
    )
    printed = job.directory / "artifacts" / "run" / "stdout"
    output = () if runner.rc == 0 else last_output(printed, secrets=job.secrets)
    if runner.rc is None:
        return PlayEnded(status=BROKEN, code=NOT_RUN, output=(*output, KILLED))
    return PlayEnded(status=runner.status, code=runner.rc, output=output)


def _prepare(job: Job) -> None:
    """Write what Ansible reads; the folder is ours alone and does not outlive the run."""
    files = {
        "inventory/hosts.json": json.dumps(job.inventory),
        "env/extravars": json.dumps(job.variables),
        "known_hosts": job.known_hosts,
    }
    if job.private_key is not None:
        files[KEY] = job.private_key
    job.directory.mkdir(mode=0o700, parents=True)
    if job.modules is not None:
        packed_in(job.modules).mkdir(mode=0o700, parents=True, exist_ok=True)
    for name, text in files.items():
        path = job.directory / name
        path.parent.mkdir(mode=0o700, exist_ok=True)
        path.write_text(text)


def _environment(job: Job) -> dict[str, str]:
    common = ssh_options(job.directory / "known_hosts")
    shared = shared_by(job.socket or job.directory / "c", stays=60)
    key = {"ANSIBLE_PRIVATE_KEY_FILE": str(job.directory / KEY)} if job.private_key else {}
    packed = {PACKED: str(packed_in(job.modules))} if job.modules else {}
    return {
        **key,
        **packed,
        MARK: str(job.directory),
        "ANSIBLE_HOME": str(job.directory / "ansible"),
        "ANSIBLE_LOCAL_TEMP": str(job.directory / "ansible" / "tmp"),
        "ANSIBLE_INVENTORY_ENABLED": "yaml",  # JSON is that, too
        "ANSIBLE_HOST_KEY_CHECKING": "True",  # ansible-runner switches it off unless told
        "ANSIBLE_SSH_COMMON_ARGS": shlex.join(common),
        "ANSIBLE_SSH_ARGS": shlex.join(shared or ("-C",)),
        "ANSIBLE_PIPELINING": "True",
        "ANSIBLE_SSH_USETTY": "False",  # what a raw command complains of stays apart
        "ANSIBLE_SSH_RETRIES": "2",
        "ANSIBLE_TIMEOUT": "20",
        "ANSIBLE_INJECT_FACT_VARS": "False",
        "ANSIBLE_DEPRECATION_WARNINGS": "False",
        "ANSIBLE_NOCOLOR": "True",
    }


if __name__ == "__main__":
    main()
