"""Alembic's entry: one transaction, on the connection that the caller brings."""

from __future__ import annotations

from alembic import context

context.configure(
    connection=context.config.attributes["connection"],
    transaction_per_migration=False,
    version_table="schema_version",
)
with context.begin_transaction():
    context.run_migrations()
