"""The machine that shows only the prices that were known."""
