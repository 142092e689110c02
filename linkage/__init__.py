"""Which strategy parameters made this trade? The domain, shipped in every function's zip."""
