"""Which items of the table each function may reach, and which it does.

The emulator evaluates no condition on keys, so ``policies`` does, over the calls that ``calls`` records while
``drives`` takes each handler through its paths.
"""
