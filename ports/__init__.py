"""What the application needs from outside, in the words of the domain."""
