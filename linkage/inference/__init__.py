"""How sure one can be of what the trades made: clusters, intervals, and verdicts between parameter sets.

Estimates, not ledger money: floats, numpy, and seeds that are fixed, so that one ledger says one thing.
"""
