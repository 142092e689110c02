"""The indicators, one per file, and the series that several of them read."""
