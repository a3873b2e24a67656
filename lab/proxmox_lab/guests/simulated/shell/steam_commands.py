"""steamcmd of the guest's shell: installs apps of a table, and downloads nothing."""

import posixpath
from collections.abc import Iterator, Mapping

from proxmox_lab.guests.simulated.model.actor import demand_write
from proxmox_lab.guests.simulated.model.apps import App, apps
from proxmox_lab.guests.simulated.model.catalogue import NodeSpec
from proxmox_lab.guests.simulated.model.image import place
from proxmox_lab.guests.simulated.shell.session import Command, Outcome, Session, failed, said

ERROR = 8
CLIENTS = ("linux32/steamclient.so", "linux64/steamclient.so")
GREETING = (
    "Steam Console Client (c) Valve Corporation (simulated)\n"
    "Loading Steam API...OK\n"
    "Connecting anonymously to Steam Public...OK\n"
)
MANIFEST = (
    '"AppState"\n{{\n\t"appid"\t\t"{number}"\n\t"name"\t\t"{name}"\n\t"buildid"\t\t"{build}"\n}}\n'
)


async def steamcmd(words: list[str], session: Session) -> Outcome:
    """``+force_install_dir D +login anonymous +app_update N [-beta B] [validate] +quit``."""
    orders = {order[0]: order[1:] for order in _orders(words[1:])}
    unknown = set(orders) - {"force_install_dir", "login", "app_update", "quit"}
    if unknown or orders.get("login") != ["anonymous"]:
        return failed(f"the simulated guest does not model {' '.join(words)[:200]}", code=127)
    own = posixpath.dirname(session.path(words[0]))
    first = session.machine.files.find(f"{own}/{CLIENTS[0]}") is None
    for client in CLIENTS:
        _lay(session, f"{own}/{client}", NodeSpec(content="simulated\n"))
    if "app_update" not in orders:
        return said(GREETING)
    number = orders["app_update"][0]
    app = apps().get(number)
    if app is None:
        return _error(number, "No subscription")
    if first and app.transient:
        return _error(number, "Missing configuration")
    told = _installed(session, app, number=number, folder=orders["force_install_dir"][0])
    return said(f"{GREETING}{told}\n")


def _orders(words: list[str]) -> Iterator[list[str]]:
    order: list[str] = []
    for word in words:
        if word.startswith("+"):
            if order:
                yield order
            order = [word[1:]]
        else:
            order.append(word)
    if order:
        yield order


def _installed(session: Session, app: App, *, number: str, folder: str) -> str:
    files, before = session.machine.files, session.machine.files.revision
    for path, spec in app.files.items():
        if files.find(f"{folder}/{path}") is None:
            _lay(session, f"{folder}/{path}", spec)
    manifest = MANIFEST.format(number=number, name=app.name, build=app.build)
    path = f"{folder}/steamapps/appmanifest_{number}.acf"
    if files.text(path) != manifest:
        _lay(session, path, NodeSpec(content=manifest))
    if files.revision == before:
        return f"Success! App '{number}' already up to date."
    progress = " Update state (0x61) downloading, progress: 50.00 (1 / 2)\n"
    return f"{progress}Success! App '{number}' fully installed."


def _lay(session: Session, path: str, spec: NodeSpec) -> None:
    """Put a file where the caller may write, as the caller's own."""
    files, owner = session.machine.files, session.actor.name
    if files.find(path) is not None:
        files.write(path, spec.content.encode(), template=files.get(path))
        return
    folder = posixpath.dirname(path)
    there = folder
    while files.find(there) is None:
        there = posixpath.dirname(there)
    demand_write(files, posixpath.join(there, "new"), actor=session.actor)
    files.make_directories(folder, owner=owner)
    place(files, path, spec.model_copy(update={"owner": owner}), now=0.0)


def _error(number: str, reason: str) -> Outcome:
    text = f"{GREETING}ERROR! Failed to install app '{number}' ({reason})\n"
    return Outcome(code=ERROR, out=text.encode())


STEAM_COMMANDS: Mapping[str, Command] = {"steamcmd.sh": steamcmd, "steamcmd": steamcmd}
