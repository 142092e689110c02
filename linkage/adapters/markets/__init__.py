"""Candles: of an exchange, of files, of S3, or simulated."""
