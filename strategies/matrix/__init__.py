"""The reference strategy: candles, state and parameters in, decisions and new state out. Nothing else."""
