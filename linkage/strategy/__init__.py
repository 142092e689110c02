"""The reference strategy: candles, state and parameters in, decisions and new state out. Nothing else.

``code_version`` is a hash over the files of this package, so whatever can change a decision lives here.
"""
