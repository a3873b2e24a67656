"""An update makes a snapshot first: remember that there is one to go back to."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    op.add_column("machines", sa.Column("snapshot", sa.String(64)))
