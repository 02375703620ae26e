"""Alembic's environment: run the migrations on the engine that `connect` gives."""

from __future__ import annotations

from alembic import context

from roguewatch.state.tables import metadata

engine = context.config.attributes["engine"]
with engine.connect() as connection:
    # In one transaction, on SQLite too: a migration that is killed leaves nothing behind.
    context.configure(
        connection=connection,
        target_metadata=metadata,
        render_as_batch=True,
        transactional_ddl=True,
    )
    with context.begin_transaction():
        context.run_migrations()
    connection.commit()
