"""PostgreSQL: the ledger."""
