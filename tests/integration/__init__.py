"""Whole runs, through every layer, down to a real PostgreSQL."""
