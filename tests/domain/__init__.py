"""Examples of every rule, as small tables."""
