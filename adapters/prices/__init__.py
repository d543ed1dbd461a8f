"""Prices from files, and the machine that shows only what was known."""
