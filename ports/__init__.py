"""What we need from outside: promises, and no code that runs."""
