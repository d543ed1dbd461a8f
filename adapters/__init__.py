"""What speaks to the world outside: venues, databases, files, clocks, people."""
