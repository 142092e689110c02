"""The strategy and the paper venue over candle files, into a ledger of its own, without AWS."""
