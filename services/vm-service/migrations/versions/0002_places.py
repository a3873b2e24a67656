"""Where a machine was to be made, and what it was given of a network."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"

LIVING = sa.text("stage <> 'gone'")


def upgrade() -> None:
    op.add_column("machines", sa.Column("address6", sa.String(45)))
    op.add_column("machines", sa.Column("place", sa.JSON))
    op.add_column("machines", sa.Column("assignment", sa.JSON))
    op.create_index(
        "one_living_address6",
        "machines",
        ["address6"],
        unique=True,
        sqlite_where=LIVING,
        postgresql_where=LIVING,
    )
