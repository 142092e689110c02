"""What is read of the ledger: rates, reports, traces, exports, checks."""
