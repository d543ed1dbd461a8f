"""What is always true, whatever the tables hold."""
