"""What the bundled examples promise."""
