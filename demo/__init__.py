"""The demonstration: the whole product on this machine, with a market replayed through it."""
