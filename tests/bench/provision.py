"""How long Ansible needs in the guest: our own runs beside plain ``ansible-playbook``.

The same playbook with the same variables against guests of the same kind, in one run and taking
turns: a fresh guest for each first installation, and the same guest again when nothing is to be
changed. Ours is the service's own way from the VM that can be reached to the playbook's end,
login and supervised child included; only its database is one in memory. A turn before the first
one does not count: it packs the modules, which an installation does once. Downloads cost both
nothing: a simulated guest has its packages at hand.
"""

from collections.abc import Sequence
from statistics import median
from typing import Final

from tests.bench.provisioning import Pair, compared, playbooks_at_hand
from yard_cli.bench import Figure, Options

GAME: Final = "luanti"
FIRST_GOAL: Final = 2.0
AGAIN_GOAL: Final = 3.0


async def measure(options: Options) -> Sequence[Figure]:
    """Let both take turns, each on guests of its own; medians, and how they compare."""
    async with playbooks_at_hand() as playbooks:
        await compared(GAME, playbooks, ours_first=False)  # what a new installation does only once
        pairs = [
            await compared(GAME, playbooks, ours_first=bool(turn % 2))
            for turn in range(options.runs)
        ]
    return [
        *_figures("first installation", [pair.first for pair in pairs], goal=FIRST_GOAL),
        *_figures("nothing to change", [pair.again for pair in pairs], goal=AGAIN_GOAL),
    ]


def _figures(what: str, pairs: Sequence[Pair], *, goal: float) -> list[Figure]:
    plain, ours = (median(pair.plain for pair in pairs), median(pair.ours for pair in pairs))
    told = f"{GAME}, simulated guest, medians; runs: {len(pairs)}"
    return [
        Figure(name=f"{what}, ansible-playbook", value=plain, unit="s", compared_with=told),
        Figure(name=f"{what}, ours", value=ours, unit="s", compared_with=told),
        Figure(
            name=f"{what}, times as fast",
            value=plain / ours,
            unit="x",
            goal=goal,
            better="higher",
            compared_with="plain ansible-playbook with default settings, in the same run",
        ),
    ]
