"""How fast events reach webhook endpoints, what one that hangs does to others, and what all costs.

The gateway's process has one core; who receives, the database's server and the bench have the
others. What is measured are the gateway's own loops and its guarded client, over real sockets.
"""

from collections.abc import Sequence
from statistics import median
from typing import Final

from tests.bench.delays import Delays, delays
from tests.bench.holding import FOLLOWERS, Holding, holding
from tests.bench.scenario import LIVE, OLD, Scenario, Wanting
from tests.bench.webhook_site import MANY, Site, scenario, webhook_site
from yard_cli.bench import Figure, Options

HEALTHY: Final = 10  # of which none hangs
OLD_ONES: Final = 10_000  # pending at the one that hangs
PENDING: Final = 100_000  # at all together, while memory is looked at
TO_ONE: Final = 1000  # events
TO_MANY: Final = 30
UNWANTED: Final = 500
A_SECOND: Final = 20  # events told while they are timed …
SECONDS: Final = 20  # … for so long
ADDED_GOAL: Final = 2.0  # seconds
MEMORY_GOAL: Final = 150.0  # MiB, as that of each service
IDLE_GOAL: Final = 5.0  # percent of a core
NOTHING: Final = {"data.players": {"$lt": 0}}  # a filter that no event passes


async def measure(options: Options) -> Sequence[Figure]:
    """Deliver what waits, then time what is told, then look at what is held."""
    async with webhook_site(options) as site:
        figures = [
            *await _rates(site, options.runs),
            *await _delays(site, options.runs),
            *await _costs(site, options.runs),
        ]
        return [*figures, *await _holdings(site, options.port_base)]


async def _rates(site: Site, times: int) -> list[Figure]:
    one, many = site.everybody[:1], site.everybody
    busy = (one[0].model_copy(update={"in_flight": 10}),)
    kinds = ((one, TO_ONE), (busy, TO_ONE), (many, TO_MANY))
    runs = [
        [await site.run(scenario(who, events=count, at_once=True)) for _ in range(times)]
        for who, count in kinds
    ]
    await site.receivers.arrivals()
    to_one, to_busy, to_many = (
        median(len(run.committed) * len(who) / run.took for run in each)
        for (who, _), each in zip(kinds, runs, strict=True)
    )
    core = median(run.processor for run in runs[2]) / TO_MANY / MANY * 1000
    return [
        Figure(
            name="deliveries to 1 endpoint", value=round(to_one, 1), unit="1/s", better="higher",
            compared_with=f"with 10 in flight in place of 2: {to_busy:.0f} 1/s",
        ),
        Figure(
            name=f"deliveries to {MANY} endpoints", value=round(to_many, 1), unit="1/s",
            better="higher",
            compared_with=f"to 1 endpoint: {to_one:.0f} 1/s; {core:.1f} ms of the core each",
        ),
    ]  # fmt: skip


async def _delays(site: Site, times: int) -> list[Figure]:
    healthy = site.everybody[:HEALTHY]
    hanging = Wanting(port=site.receivers.ports.hanging[0], types=(LIVE, OLD), patient=True)
    count, gap = A_SECOND * SECONDS, 1 / A_SECOND
    alone = [await _delayed(site, scenario(healthy, events=count, gap=gap)) for _ in range(times)]
    beside = [
        await _delayed(site, scenario((*healthy, hanging), events=count, gap=gap, old=OLD_ONES))
        for _ in range(times)
    ]
    (p50, p99), (p50_beside, p99_beside) = (
        [median(one.within(percent) for one in each) for percent in (50, 99)]
        for each in (alone, beside)
    )
    told = f"{A_SECOND} events a second to {HEALTHY} endpoints"
    return [
        Figure(name="commit to arrival, median", value=round(p50, 3), unit="s", compared_with=told),
        Figure(name="commit to arrival, p99", value=round(p99, 3), unit="s", compared_with=told),
        Figure(
            name="p99 that one which hangs adds",
            value=round(max(p99_beside - p99, 0.0), 3),
            unit="s",
            goal=ADDED_GOAL,
            compared_with=f"beside it, {OLD_ONES} pending: p99 {p99_beside:.3f} s, "
            f"median {p50_beside:.3f} s",
        ),
    ]


async def _delayed(site: Site, wanted: Scenario) -> Delays:
    await site.receivers.arrivals()
    committed = (await site.run(wanted)).committed
    arrived = await site.receivers.arrivals()
    healthy = [one.port for one in wanted.endpoints if not one.patient]
    return delays(committed, [arrived.get(port, {}) for port in healthy])


async def _costs(site: Site, times: int) -> list[Figure]:
    unwilling = tuple(one.model_copy(update={"filter": NOTHING}) for one in site.everybody)
    none, many = [
        [await site.run(scenario(who, events=UNWANTED)) for _ in range(times)]
        for who in ((), unwilling)
    ]
    (rate, cost), (rate_many, cost_many) = (
        (median(UNWANTED / run.told for run in each), median(run.processor for run in each))
        for each in (none, many)
    )
    each = 1000 / UNWANTED
    return [
        Figure(
            name="an event without endpoints, of a core", value=round(cost * each, 2), unit="ms",
            compared_with=f"{rate:.0f} commits a second one after the other",
        ),
        Figure(
            name=f"an event that {MANY} do not want, of a core",
            value=round(cost_many * each, 2), unit="ms",
            compared_with=f"{rate_many:.0f} commits a second; without endpoints {rate:.0f}",
        ),
    ]  # fmt: skip


async def _holdings(site: Site, port: int) -> list[Figure]:
    hanging = tuple(
        Wanting(port=port, types=(OLD,), patient=True) for port in site.receivers.ports.hanging
    )
    none, many = [await _held(site, hanging, old, port) for old in (0, PENDING // MANY)]
    return [
        Figure(
            name=f"memory with {PENDING} pending", value=many.memory, unit="MiB",
            goal=MEMORY_GOAL, compared_with=f"with none: {none.memory:.0f} MiB",
        ),
        Figure(
            name=f"idle with {MANY} endpoints", value=round(none.idle * 100, 1), unit="% of a core",
            goal=IDLE_GOAL, compared_with=f"{PENDING} pending at those that hang: "
            f"{many.idle * 100:.1f} %",
        ),
        Figure(
            name=f"idle with {FOLLOWERS} followers too", value=round(none.followed * 100, 1),
            unit="% of a core", compared_with=f"without them: {none.idle * 100:.1f} %",
        ),
    ]  # fmt: skip


async def _held(site: Site, hanging: tuple[Wanting, ...], old: int, port: int) -> Holding:
    url = await site.databases.fresh()
    await site.run(scenario(hanging, url=url, old=old))
    return await holding(url, folder=site.folder, port=port, core=site.core)
