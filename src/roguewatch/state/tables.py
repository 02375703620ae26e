"""The tables of the state database: what may change, unlike the ledger.

Text columns hold only text that was made printable (or ids of sources); JSON text
columns hold a Struct encoded by msgspec. Times are nanoseconds since 1970, UTC.
Changing anything here needs a migration (CONTRIBUTING.md); a test compares both.
"""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    Table,
    Text,
)

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s_%(referred_table_name)s",
        "pk": "pk_%(table_name)s",
    }
)

findings = Table(
    "findings",
    metadata,
    Column("id", Text, primary_key=True),
    Column("session", Text, nullable=False, index=True),
    Column("behaviour", Text, nullable=False, index=True),
    Column("level", Text, nullable=False),
    Column("detector", Text, nullable=False),
    Column("time", BigInteger),
    Column("recorded", BigInteger, nullable=False),
    Column("body", Text, nullable=False),
)
"""`body` is the whole `Finding` as JSON; the other columns are there to select by."""

suppressions = Table(
    "suppressions",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("finding", Text, ForeignKey("findings.id"), nullable=False, index=True),
    Column("owner", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("until", BigInteger, nullable=False),
    Column("created", BigInteger, nullable=False),
)
"""Every suppression ever given; the ones whose `until` has passed have no effect."""

readings = Table(
    "readings",
    metadata,
    Column("path", Text, primary_key=True),
    Column("source", Text, nullable=False),
    Column("size", BigInteger, nullable=False),
    Column("modified", BigInteger, nullable=False),
    Column("changed", BigInteger, nullable=False),
    Column("inode", Text, nullable=False),
    Column("digest", Text, nullable=False),
    Column("counts", Text, nullable=False),
    Column("error", Text, nullable=False),
    Column("read", BigInteger, nullable=False),
    Column("run", Text, nullable=False, index=True),
)
"""The last reading of each file. `run` is the assessment that saw it last."""

reading_sessions = Table(
    "reading_sessions",
    metadata,
    Column("path", Text, primary_key=True),
    Column("session", Text, primary_key=True),
    Index("ix_reading_sessions_session", "session"),
)
"""Which file spoke of which session."""

sessions = Table(
    "sessions",
    metadata,
    Column("session", Text, primary_key=True),
    Column("surface", Text, nullable=False),
    Column("started", BigInteger),
    Column("ended", BigInteger, index=True),
    Column("stale", Boolean, nullable=False),
    Column("analysed_with", Text, nullable=False),
    Column("body", Text, nullable=False),
)
"""One summary a session. `stale`: its events are in the ledger but the summary and the
findings were not finished, so it is analysed again from the ledger."""
