"""Strategies that ship with the product. A user's own strategy is their equal: same interface, same hash."""
