"""Decisions about what to trade: pure tables and functions, nothing else."""
