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

deployments = Table(
    "deployments",
    metadata,
    Column("deployment", Text, primary_key=True),
    Column("body", Text, nullable=False),
    Column("changed", BigInteger, nullable=False),
    Column("changed_by", Text, nullable=False),
)
"""The register: `body` is the whole `Deployment` as JSON."""

deployment_history = Table(
    "deployment_history",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("deployment", Text, nullable=False, index=True),
    Column("body", Text, nullable=False),
    Column("changed", BigInteger, nullable=False),
    Column("changed_by", Text, nullable=False),
)
"""Every state of every entry, in order; an empty `body` says that it was removed."""

tokens = Table(
    "tokens",
    metadata,
    Column("digest", Text, primary_key=True),
    Column("deployment", Text, nullable=False, index=True),
    Column("purpose", Text, nullable=False),
    Column("issued", BigInteger, nullable=False),
    Column("expires", BigInteger),
    Column("revoked", BigInteger),
)
"""Bearer tokens by SHA-256; the token itself is shown once and kept nowhere."""

stops = Table(
    "stops",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("deployment", Text, nullable=False, index=True),
    Column("reason", Text, nullable=False),
    Column("opened", BigInteger, nullable=False),
    Column("opened_by", Text, nullable=False),
    Column("closed", BigInteger),
    Column("closed_by", Text, nullable=False),
    Column("report", Text, nullable=False),
)
"""Stops of deployments (`*` is all of them). One that is not closed keeps every lease from
being granted. `report` is what the stop found, as JSON."""

approvers = Table(
    "approvers",
    metadata,
    Column("name", Text, primary_key=True),
    Column("salt", Text, nullable=False),
    Column("verifier", Text, nullable=False),
    Column("enrolled", BigInteger, nullable=False),
    Column("failures", Integer, nullable=False),
    Column("locked_until", BigInteger, nullable=False),
)
"""People who may approve: a scrypt verifier of a passphrase that only they know."""

approvals = Table(
    "approvals",
    metadata,
    Column("id", Text, primary_key=True),
    Column("digest", Text, nullable=False, index=True),
    Column("deployment", Text, nullable=False, index=True),
    Column("session", Text, nullable=False),
    Column("shown", Text, nullable=False),
    Column("asked", BigInteger, nullable=False),
    Column("expires", BigInteger, nullable=False),
    Column("answer", Text, nullable=False),
    Column("answered", BigInteger),
    Column("answered_by", Text, nullable=False),
    Column("looked_seconds", Integer),
    Column("used", BigInteger),
)
"""Questions to people. `digest` binds the answer to one exact action; `used` is set when it
let that action through, once."""

runs = Table(
    "runs",
    metadata,
    Column("id", Text, primary_key=True),
    Column("deployment", Text, nullable=False, index=True),
    Column("adapter", Text, nullable=False),
    Column("target", Text, nullable=False),
    Column("started", BigInteger, nullable=False),
    Column("ended", BigInteger),
    Column("footprint", Text, nullable=False),
)
"""What runs of a deployment, and how it is stopped: `target` is the adapter's own JSON."""

drills = Table(
    "drills",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("kind", Text, nullable=False),
    Column("route", Text, nullable=False, index=True),
    Column("contained", Boolean, nullable=False),
    Column("rung", Integer, nullable=False),
    Column("began", BigInteger, nullable=False, index=True),
    Column("circumstances", Text, nullable=False),
    Column("body", Text, nullable=False),
)
"""Results of drills. `circumstances` are the versions and settings that they prove something
about, as JSON: when these change, the proof is stale."""

statements = Table(
    "statements",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("subject", Text, nullable=False, index=True),
    Column("value", Text, nullable=False),
    Column("by", Text, nullable=False),
    Column("until", BigInteger, nullable=False),
    Column("created", BigInteger, nullable=False),
)
"""Answers that people gave to facts and questions. `value` is JSON. None is ever changed:
the latest that is still in force counts."""

incidents = Table(
    "incidents",
    metadata,
    Column("finding", Text, ForeignKey("findings.id"), primary_key=True),
    Column("verdict", Text, nullable=False),
    Column("by", Text, nullable=False),
    Column("decided", BigInteger, nullable=False),
    Column("body", Text, nullable=False),
)
"""What people decided of findings: confirmed, near-miss or rejected; `body` is the whole
`Incident` as JSON, without its grades."""

grades = Table(
    "grades",
    metadata,
    Column("finding", Text, ForeignKey("incidents.finding"), primary_key=True),
    Column("grader", Text, primary_key=True),
    Column("body", Text, nullable=False),
    Column("graded", BigInteger, nullable=False),
)
"""One grader's severity of one incident; graders do not see each other's."""
