"""The broker's handlers run on the product's table."""

from tests.support.dynamodb import signals_table

__all__ = ["signals_table"]
