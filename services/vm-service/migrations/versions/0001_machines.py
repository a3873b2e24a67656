"""Machines, burnt VM ids, and what every service has: inbox, outbox, leases."""

import sqlalchemy as sa
from alembic import op

from common.db.migrate import create_shared_tables

revision = "0001"
down_revision = None

LIVING = sa.text("stage <> 'gone'")
MOMENT = sa.DateTime(timezone=True)


def upgrade() -> None:
    create_shared_tables(op.get_bind())
    op.create_table(
        "machines",
        sa.Column("server_id", sa.String(80), primary_key=True),
        sa.Column("operation_id", sa.String(80), nullable=False),
        sa.Column("stage", sa.String(16), nullable=False, index=True),
        sa.Column("spec", sa.JSON),
        sa.Column("deadline", MOMENT),
        sa.Column("vmid", sa.Integer),
        sa.Column("node", sa.String(80)),
        sa.Column("address", sa.String(45)),
        sa.Column("owned", sa.Boolean, nullable=False),
        sa.Column("task", sa.String(255)),
        sa.Column("attempt", sa.Integer, nullable=False),
        sa.Column("since", MOMENT),
        sa.Column("told", sa.Integer, nullable=False),
        sa.Column("host_keys", sa.JSON, nullable=False),
        sa.Column("endpoint", sa.JSON),
        sa.Column("failure", sa.JSON),
        sa.Column("changed_at", MOMENT, nullable=False),
    )
    for column in ("vmid", "address"):
        op.create_index(
            f"one_living_{column}",
            "machines",
            [column],
            unique=True,
            sqlite_where=LIVING,
            postgresql_where=LIVING,
        )
    op.create_table(
        "burnt_vmids",
        sa.Column("vmid", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("burnt_at", MOMENT, nullable=False),
    )
