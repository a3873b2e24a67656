"""A machine works through the program of a kind of request, instead of one chain of stages."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"

# What each stage of the one chain means now: kind, stage, step.
MEANINGS = {
    "planned": ("deploy", "working", "reserve"),
    "reserved": ("deploy", "working", "clone"),
    "cloned": ("deploy", "working", "configure"),
    "configured": ("deploy", "working", "resize"),
    "resized": ("deploy", "working", "start"),
    "started": ("deploy", "working", "address"),
    "ready": ("deploy", "ready", None),
    "failed": ("deploy", "failed", None),
    "removing": ("remove", "working", "stop"),
    "stopped": ("remove", "working", "destroy"),
    "gone": ("remove", "gone", None),
    "blocked": ("remove", "blocked", None),
}


def upgrade() -> None:
    for column in (
        sa.Column("kind", sa.String(16), nullable=False, server_default="deploy"),
        sa.Column("step", sa.String(16)),
        sa.Column("made_by", sa.String(80), nullable=False, server_default=""),
        sa.Column("force", sa.Boolean, nullable=False, server_default=sa.false()),
        sa.Column("leftover", sa.String(255)),
        sa.Column("rebooting", sa.Boolean, nullable=False, server_default=sa.false()),
        sa.Column("power", sa.String(16), nullable=False, server_default="unknown"),
    ):
        op.add_column("machines", column)
    machines = sa.table(
        "machines",
        *(sa.column(name) for name in ("kind", "stage", "step", "made_by", "operation_id")),
    )
    for old, (kind, stage, step) in MEANINGS.items():
        op.execute(
            sa.update(machines)
            .where(machines.c.stage == old)
            .values(kind=kind, stage=stage, step=step)
        )
    # Of a VM that is being removed, the operation that made it is forgotten; the mark is known
    # by the server, so that does no harm.
    op.execute(sa.update(machines).values(made_by=machines.c.operation_id))
