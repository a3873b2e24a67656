"""A guest sees that its disk has grown only after a boot: remember that one is needed."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    op.add_column(
        "machines",
        sa.Column("boot_needed", sa.Boolean, nullable=False, server_default=sa.false()),
    )
