"""What every service counts, for Prometheus."""

from typing import Final

from prometheus_client import Counter, Gauge, Histogram

HANDLED: Final = Counter(
    "spawnyard_messages_handled_total",
    "Messages taken from the bus, by durable and outcome",
    ["durable", "outcome"],
)
PUBLISHED: Final = Counter(
    "spawnyard_messages_published_total", "Messages the relay put on the bus, by kind", ["kind"]
)
WORKING: Final = Gauge("spawnyard_working", "Things being worked on under a lease", ["worker"])
STEP_SECONDS: Final = Histogram(
    "spawnyard_step_seconds",
    "How long steps took",
    ["step", "outcome"],
    buckets=(0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600, 1800),
)
