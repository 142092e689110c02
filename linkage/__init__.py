"""Which strategy parameters made this trade? The domain, shipped in every function's zip."""

__version__ = "0.1.0"
