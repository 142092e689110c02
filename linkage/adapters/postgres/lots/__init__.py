"""Lots and episodes: what each trade made."""
