"""Every state of the register that ever was, so that it can be compared with an earlier one."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    op.create_table(
        "deployment_history",
        sa.Column("id", sa.Integer(), autoincrement=True, nullable=False),
        sa.Column("deployment", sa.Text(), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("changed", sa.BigInteger(), nullable=False),
        sa.Column("changed_by", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_deployment_history"),
    )
    op.create_index("ix_deployment_history_deployment", "deployment_history", ["deployment"])
    # What is there now began, as far as anybody can tell, when it was last changed.
    op.execute(
        "INSERT INTO deployment_history (deployment, body, changed, changed_by) "
        "SELECT deployment, body, changed, changed_by FROM deployments"
    )
