"""The rules: pure functions and tables; nothing here reads a clock, a file or a database."""
