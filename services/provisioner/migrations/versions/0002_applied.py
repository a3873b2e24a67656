"""What was last applied to a guest, so that a mere start need not play it again."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("runs", sa.Column("applied", sa.Text, nullable=True))
    op.add_column(
        "runs", sa.Column("unfinished", sa.Boolean, nullable=False, server_default=sa.false())
    )
