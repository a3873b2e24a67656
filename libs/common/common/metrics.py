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
PLAYERS: Final = Gauge("spawnyard_players", "People who play, as the game tells", ["server"])
MAX_PLAYERS: Final = Gauge("spawnyard_max_players", "People who may play at once", ["server"])
CPU: Final = Gauge("spawnyard_guest_cpu_ratio", "Share of a server's cores in use", ["server"])
MEMORY: Final = Gauge(
    "spawnyard_guest_memory_bytes", "Memory of a server's VM that its node sees in use", ["server"]
)
MAX_MEMORY: Final = Gauge("spawnyard_guest_memory_max_bytes", "Memory of a server's VM", ["server"])
DISK: Final = Gauge(
    "spawnyard_guest_disk_used_bytes", "Used of a server's root file system", ["server"]
)
MAX_DISK: Final = Gauge(
    "spawnyard_guest_disk_max_bytes", "Size of a server's root file system", ["server"]
)
ORPHANS: Final = Gauge("spawnyard_orphans", "Unexplained VMs of the last sweep", ["verdict"])
ORPHANS_REMOVED: Final = Counter("spawnyard_orphans_removed_total", "Orphans that were removed")
SWEPT: Final = Gauge("spawnyard_last_sweep_timestamp_seconds", "When orphans were last looked for")
SWEEP_HALTED: Final = Gauge(
    "spawnyard_sweep_halted", "1: more orphans than may be removed at once, an operator must look"
)
