"""Fixtures of the adapter tests."""

from tests.support.dynamodb import signals_table

__all__ = ["signals_table"]
