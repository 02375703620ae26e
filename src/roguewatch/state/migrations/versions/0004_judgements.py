"""Statements of people, incidents and their grades."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    op.create_table(
        "statements",
        sa.Column("id", sa.Integer(), autoincrement=True, nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("value", sa.Text(), nullable=False),
        sa.Column("by", sa.Text(), nullable=False),
        sa.Column("until", sa.BigInteger(), nullable=False),
        sa.Column("created", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_statements"),
    )
    op.create_index("ix_statements_subject", "statements", ["subject"])
    op.create_table(
        "incidents",
        sa.Column("finding", sa.Text(), nullable=False),
        sa.Column("verdict", sa.Text(), nullable=False),
        sa.Column("by", sa.Text(), nullable=False),
        sa.Column("decided", sa.BigInteger(), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["finding"], ["findings.id"], name="fk_incidents_finding_findings"),
        sa.PrimaryKeyConstraint("finding", name="pk_incidents"),
    )
    op.create_table(
        "grades",
        sa.Column("finding", sa.Text(), nullable=False),
        sa.Column("grader", sa.Text(), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("graded", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["finding"], ["incidents.finding"],
                                name="fk_grades_finding_incidents"),
        sa.PrimaryKeyConstraint("finding", "grader", name="pk_grades"),
    )  # fmt: skip
