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
)

from roguewatch.state.texts import TEXT

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
    Column("id", TEXT, primary_key=True),
    Column("session", TEXT, nullable=False, index=True),
    Column("behaviour", TEXT, nullable=False, index=True),
    Column("level", TEXT, nullable=False),
    Column("detector", TEXT, nullable=False),
    Column("time", BigInteger),
    Column("recorded", BigInteger, nullable=False),
    Column("body", TEXT, nullable=False),
)
"""`body` is the whole `Finding` as JSON; the other columns are there to select by."""

suppressions = Table(
    "suppressions",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("finding", TEXT, ForeignKey("findings.id"), nullable=False, index=True),
    Column("owner", TEXT, nullable=False),
    Column("reason", TEXT, nullable=False),
    Column("until", BigInteger, nullable=False),
    Column("created", BigInteger, nullable=False),
)
"""Every suppression ever given; the ones whose `until` has passed have no effect."""

readings = Table(
    "readings",
    metadata,
    Column("path", TEXT, primary_key=True),
    Column("source", TEXT, nullable=False),
    Column("size", BigInteger, nullable=False),
    Column("modified", BigInteger, nullable=False),
    Column("changed", BigInteger, nullable=False),
    Column("inode", TEXT, nullable=False),
    Column("digest", TEXT, nullable=False),
    Column("counts", TEXT, nullable=False),
    Column("error", TEXT, nullable=False),
    Column("read", BigInteger, nullable=False),
    Column("run", TEXT, nullable=False, index=True),
)
"""The last reading of each file. `run` is the assessment that saw it last."""

reading_sessions = Table(
    "reading_sessions",
    metadata,
    Column("path", TEXT, primary_key=True),
    Column("session", TEXT, primary_key=True),
    Index("ix_reading_sessions_session", "session"),
)
"""Which file spoke of which session."""

sessions = Table(
    "sessions",
    metadata,
    Column("session", TEXT, primary_key=True),
    Column("surface", TEXT, nullable=False),
    Column("started", BigInteger),
    Column("ended", BigInteger, index=True),
    Column("stale", Boolean, nullable=False),
    Column("analysed_with", TEXT, nullable=False),
    Column("body", TEXT, nullable=False),
)
"""One summary a session. `stale`: its events are in the ledger but the summary and the
findings were not finished, so it is analysed again from the ledger."""

deployments = Table(
    "deployments",
    metadata,
    Column("deployment", TEXT, primary_key=True),
    Column("body", TEXT, nullable=False),
    Column("changed", BigInteger, nullable=False),
    Column("changed_by", TEXT, nullable=False),
)
"""The register: `body` is the whole `Deployment` as JSON."""

deployment_history = Table(
    "deployment_history",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("deployment", TEXT, nullable=False, index=True),
    Column("body", TEXT, nullable=False),
    Column("changed", BigInteger, nullable=False),
    Column("changed_by", TEXT, nullable=False),
)
"""Every state of every entry, in order; an empty `body` says that it was removed."""

tokens = Table(
    "tokens",
    metadata,
    Column("digest", TEXT, primary_key=True),
    Column("deployment", TEXT, nullable=False, index=True),
    Column("purpose", TEXT, nullable=False),
    Column("issued", BigInteger, nullable=False),
    Column("expires", BigInteger),
    Column("revoked", BigInteger),
)
"""Bearer tokens by SHA-256; the token itself is shown once and kept nowhere."""

stops = Table(
    "stops",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("deployment", TEXT, nullable=False, index=True),
    Column("reason", TEXT, nullable=False),
    Column("opened", BigInteger, nullable=False),
    Column("opened_by", TEXT, nullable=False),
    Column("closed", BigInteger),
    Column("closed_by", TEXT, nullable=False),
    Column("report", TEXT, nullable=False),
)
"""Stops of deployments (`*` is all of them). One that is not closed keeps every lease from
being granted. `report` is what the stop found, as JSON."""

approvers = Table(
    "approvers",
    metadata,
    Column("name", TEXT, primary_key=True),
    Column("salt", TEXT, nullable=False),
    Column("verifier", TEXT, nullable=False),
    Column("enrolled", BigInteger, nullable=False),
    Column("failures", Integer, nullable=False),
    Column("locked_until", BigInteger, nullable=False),
)
"""People who may approve: a scrypt verifier of a passphrase that only they know."""

approvals = Table(
    "approvals",
    metadata,
    Column("id", TEXT, primary_key=True),
    Column("digest", TEXT, nullable=False, index=True),
    Column("deployment", TEXT, nullable=False, index=True),
    Column("session", TEXT, nullable=False),
    Column("shown", TEXT, nullable=False),
    Column("asked", BigInteger, nullable=False),
    Column("expires", BigInteger, nullable=False),
    Column("answer", TEXT, nullable=False),
    Column("answered", BigInteger),
    Column("answered_by", TEXT, nullable=False),
    Column("looked_seconds", Integer),
    Column("used", BigInteger),
)
"""Questions to people. `digest` binds the answer to one exact action; `used` is set when it
let that action through, once."""

runs = Table(
    "runs",
    metadata,
    Column("id", TEXT, primary_key=True),
    Column("deployment", TEXT, nullable=False, index=True),
    Column("adapter", TEXT, nullable=False),
    Column("target", TEXT, nullable=False),
    Column("started", BigInteger, nullable=False),
    Column("ended", BigInteger),
    Column("footprint", TEXT, nullable=False),
)
"""What runs of a deployment, and how it is stopped: `target` is the adapter's own JSON."""

drills = Table(
    "drills",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("kind", TEXT, nullable=False),
    Column("route", TEXT, nullable=False, index=True),
    Column("contained", Boolean, nullable=False),
    Column("rung", Integer, nullable=False),
    Column("began", BigInteger, nullable=False, index=True),
    Column("circumstances", TEXT, nullable=False),
    Column("body", TEXT, nullable=False),
)
"""Results of drills. `circumstances` are the versions and settings that they prove something
about, as JSON: when these change, the proof is stale."""

statements = Table(
    "statements",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("subject", TEXT, nullable=False, index=True),
    Column("value", TEXT, nullable=False),
    Column("by", TEXT, nullable=False),
    Column("until", BigInteger, nullable=False),
    Column("created", BigInteger, nullable=False),
)
"""Answers that people gave to facts and questions. `value` is JSON. None is ever changed:
the latest that is still in force counts."""

incidents = Table(
    "incidents",
    metadata,
    Column("finding", TEXT, ForeignKey("findings.id"), primary_key=True),
    Column("verdict", TEXT, nullable=False),
    Column("by", TEXT, nullable=False),
    Column("decided", BigInteger, nullable=False),
    Column("body", TEXT, nullable=False),
)
"""What people decided of findings: confirmed, near-miss or rejected; `body` is the whole
`Incident` as JSON, without its grades."""

grades = Table(
    "grades",
    metadata,
    Column("finding", TEXT, ForeignKey("incidents.finding"), primary_key=True),
    Column("grader", TEXT, primary_key=True),
    Column("body", TEXT, nullable=False),
    Column("graded", BigInteger, nullable=False),
)
"""One grader's severity of one incident; graders do not see each other's."""
